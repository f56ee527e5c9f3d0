/** What can be wrong with the files and variables that configure a peer. No message ever holds a secret. */

/** A file that is not there, cannot be read, or is not what it should be. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError'
  readonly file: string
  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`${file}: ${problem}`, options)
    this.file = file
  }
}

export interface RefusedValue {
  /** The file, or the environment variable. */
  origin: string
  /** Dotted, such as `cluster.pubsub.d_factor`; empty where the origin is a variable. */
  key: string
  /** The value as written; absent for secrets. */
  value?: unknown
  /** What is allowed, or what is wrong: the end of the sentence that begins with the key and its value. */
  allowed: string
}

/** A setting whose value is not allowed. */
export class ConfigValueError extends Error {
  override readonly name = 'ConfigValueError'
  readonly origin: string
  readonly key: string
  constructor(refused: RefusedValue) {
    const { origin, key, value, allowed } = refused
    const what = key === '' ? origin : `${origin}: ${key}`
    super(value === undefined ? `${what}: ${allowed}` : `${what} is ${shown(value)}: ${allowed}`)
    this.origin = origin
    this.key = key
  }
}

/** The remote configuration that `source` names did not arrive or cannot be taken. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

/** identity.json, or the identity in the environment. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  constructor(origin: string, problem: string, options?: ErrorOptions) {
    super(`${origin}: ${problem}`, options)
  }
}

/** The folder holds the pinset of the Go program, or is set up for its raft consensus. */
export class ForeignStateError extends Error {
  override readonly name = 'ForeignStateError'
}

/** The configuration is there already and must not be replaced without being asked for. */
export class ConfigExistsError extends Error {
  override readonly name = 'ConfigExistsError'
  constructor(file: string) {
    super(`${file} exists already; --force replaces it`)
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 117)}…` : text
}
