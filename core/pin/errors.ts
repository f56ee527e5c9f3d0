/** Every error that the pin model throws. Tell them apart by `name`. */

/** The pin asked for is against the rules; the message says which and, where it helps, what to do. */
export class InvalidPinError extends Error {
  override readonly name = 'InvalidPinError'
}

/** The CID is not in the pinset. APIs answer 404 when they see this text (`spec/rest-api.md` §5). */
export class PinNotFoundError extends Error {
  override readonly name = 'PinNotFoundError'
  constructor(message = 'pin is not part of the pinset') {
    super(message)
  }
}

/** Stored or received bytes that are no pin. */
export class PinDecodeError extends Error {
  override readonly name = 'PinDecodeError'
}

/** A pin option that cannot be read or is out of bounds. APIs answer 400. */
export class InvalidPinOptionError extends Error {
  override readonly name = 'InvalidPinOptionError'
}

/** A text or bytes that are no CID. */
export class InvalidCidError extends Error {
  override readonly name = 'InvalidCidError'
}

/** A text or bytes that are no peer ID. */
export class InvalidPeerIdError extends Error {
  override readonly name = 'InvalidPeerIdError'
}

/** A text that is no multiaddr, or one that this program cannot express. */
export class InvalidMultiaddrError extends Error {
  override readonly name = 'InvalidMultiaddrError'
}

/** A text that is no RFC 3339 time. */
export class InvalidTimeError extends Error {
  override readonly name = 'InvalidTimeError'
}

/** A text that is no duration in Go's notation. */
export class InvalidDurationError extends Error {
  override readonly name = 'InvalidDurationError'
}

/** A datastore key that names no CID. */
export class InvalidPinKeyError extends Error {
  override readonly name = 'InvalidPinKeyError'
}

/** Bytes that are no protobuf message; codecs turn it into their own error. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError'
}
