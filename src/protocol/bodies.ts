/** Limits of the members of a body, in characters (Unicode code points), and of a whole body, in bytes. */
export interface BodyLimits {
  readonly bodyBytes: number;
  readonly titleCharacters: number;
  readonly descriptionCharacters: number;
  readonly imageUrlCharacters: number;
}

/** Encrypted Provisioning Information: an RFC 5116 AEAD name and base64 of IV ‖ ciphertext ‖ tag (TIGRESS §7.2). */
export interface Payload {
  readonly type: string;
  readonly data: string;
}

/** The preview of a share for a person (TIGRESS §6.1.5). The relay can read it, so it should not name a person. */
export interface DisplayInformation {
  readonly title: string;
  readonly description: string;
  readonly imageURL: string;
}

/** The type of a push service, and its token for the device (TIGRESS §6.1.5). */
export interface NotificationToken {
  readonly type: string;
  readonly tokenData: string;
}

/** The validated body of CreateMailbox. `resolveDeadline` validates the `expiration`. */
export interface CreateBody {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly notificationToken?: NotificationToken | undefined;
  readonly mailboxConfiguration?: { accessRights?: string | undefined; expiration: string } | undefined;
}

/** The validated body of UpdateMailbox. */
export interface UpdateBody {
  readonly payload: Payload;
  readonly notificationToken?: NotificationToken | undefined;
}

/** The validated body of ReadSecureContentFromMailbox. */
export interface ReadBody {
  readonly notificationToken?: NotificationToken | undefined;
}
