/** Bounds of the members of a body, in characters (Unicode code points), and of a whole body, in bytes. */
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

/** What a person sees of a share before opening it (TIGRESS §6.1.5). Clear text: it should name nobody. */
export interface DisplayInformation {
  readonly title: string;
  readonly description: string;
  readonly imageURL: string;
}

/** Where to push to: the kind of service, and that service's token for the device (TIGRESS §6.1.5). */
export interface NotificationToken {
  readonly type: string;
  readonly tokenData: string;
}

/** The body of CreateMailbox, checked but for the `expiration`, of which `resolveDeadline` judges form and range. */
export interface CreateBody {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly notificationToken?: NotificationToken | undefined;
  readonly mailboxConfiguration?: { accessRights?: string | undefined; expiration: string } | undefined;
}

/** The body of UpdateMailbox, checked. */
export interface UpdateBody {
  readonly payload: Payload;
  readonly notificationToken?: NotificationToken | undefined;
}

/** The body of ReadSecureContentFromMailbox, checked. */
export interface ReadBody {
  readonly notificationToken?: NotificationToken | undefined;
}
