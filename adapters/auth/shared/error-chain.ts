/** Longest chain of causes that is looked at. */
const MOST_LINKS = 5;

/** An error with its causes: openid-client wraps what fetch throws, and the answers that it does not like. */
export function chainOf(error: unknown): readonly object[] {
  const chain: object[] = [];
  let link = error;
  while (typeof link === 'object' && link !== null && chain.length < MOST_LINKS) {
    chain.push(link);
    link = Reflect.get(link, 'cause');
  }
  return chain;
}

/** The headers of the answer that an error is about; `undefined` if there was no answer. */
export function answerHeadersOf(error: unknown): Headers | undefined {
  for (const link of chainOf(error)) {
    for (const answer of [link, Reflect.get(link, 'response')]) if (answer instanceof Response) return answer.headers;
  }
  return undefined;
}
