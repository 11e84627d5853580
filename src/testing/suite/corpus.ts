/** User agents that read the preview page, and texts that it has to display. */

/** Messengers, search engines and mail scanners, as they call themselves. */
export const BOTS = [
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'WhatsApp/2.23.20.0',
  'TelegramBot (like TwitterBot)',
  'Twitterbot/1.0',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
  'LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)',
  'Mozilla/5.0 (Macintosh) AppleWebKit/601.2.4 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0',
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5',
  'Mozilla/4.0 (compatible; ms-office; MSOffice 16)',
  'Barracuda Sentinel (EE)',
  'curl/8.5.0',
  'python-requests/2.31.0',
];

/** Text that tries to become markup, an attribute, a template or a replacement pattern. */
export const HOSTILE = [
  '<script>alert(1)</script>',
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  '</title><script>alert(1)</script>',
  '</head><body onload=alert(1)>',
  '</style><svg/onload=alert(1)>',
  '<!-- comment',
  '--><svg/onload=alert(1)>',
  '" onmouseover="alert(1)" x="',
  "' onfocus='alert(1)' autofocus='",
  '`onmouseover=alert(1)`',
  '<a href="https://evil.example">open</a>',
  '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<base href="https://evil.example/">',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '<![CDATA[<script>alert(1)</script>]]>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&quot; onmouseover=&quot;alert(1)',
  '&#34;&#62;&#60;script&#62;',
  '&amp;amp; &nosuch; &#x41;',
  'javascript:alert(1)',
  '{{constructor.constructor("alert(1)")()}} $\u007balert(1)} <%= 7 * 7 %> #{7*7}',
  "$& $1 $` $' $$ \\1 %s %d",
  '{title} {{title}} $\u007btitle} {description} %TITLE%',
  '\u2028</script>\u2029',
  '<scr\u0131pt>alert(1)</scr\u0131pt> \uff1cscript\uff1e',
];

/** A text as a page may show it: a relay may put a space for characters that break or reorder lines. */
export function legible(text: string | undefined): string | undefined {
  return text?.replace(/[\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ');
}
