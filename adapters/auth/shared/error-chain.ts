/** Longest chain of causes that is looked at. */
const MAXIMUM_CHAIN_LENGTH = 5;

/** An error with its causes: openid-client wraps what fetch throws, and the answers that it does not like. */
export function getErrorChain(error: unknown): readonly object[] {
  const chain: object[] = [];
  let link = error;
  while (typeof link === 'object' && link !== null && chain.length < MAXIMUM_CHAIN_LENGTH) {
    chain.push(link);
    link = Reflect.get(link, 'cause');
  }
  return chain;
}

/** The headers of the answer that an error is about; `undefined` if there was no answer. */
export function getResponseHeaders(error: unknown): Headers | undefined {
  for (const link of getErrorChain(error)) {
    for (const answer of [link, Reflect.get(link, 'response')]) if (answer instanceof Response) return answer.headers;
  }
  return undefined;
}
