/** Longest token, attestation or proof that is looked at, in characters: Node takes no more in all headers together. */
export const MAXIMUM_JWT_CHARACTERS = 16 * 1024;
