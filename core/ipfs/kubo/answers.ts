/** The shapes of Kubo's answers. What does not have them becomes an `IpfsAnswerError`. */
import { CID } from 'multiformats/cid'
import { IpfsAnswerError, type IpfsCall } from '../errors.ts'

export class Answer {
  readonly #call: IpfsCall
  readonly #fields: Record<string, unknown>

  constructor(call: IpfsCall, value: unknown) {
    this.#call = call
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#unlike('an object', value)
    this.#fields = value as Record<string, unknown>
  }

  text(field: string): string {
    const value = this.#fields[field]
    if (typeof value !== 'string') throw this.#unlike(`text in ${field}`, value)
    return value
  }

  /** A number of things or bytes; undefined when Kubo leaves it out. */
  count(field: string): number | undefined {
    const value = this.#fields[field]
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= 0)) throw this.#unlike(`a count in ${field}`, value)
    return value
  }

  /** A list; none where Kubo has `null` or nothing. */
  list(field: string): unknown[] {
    const value = this.#fields[field] ?? []
    if (!Array.isArray(value)) throw this.#unlike(`a list in ${field}`, value)
    return value
  }

  texts(field: string): string[] {
    return this.list(field).map((value) => {
      if (typeof value !== 'string') throw this.#unlike(`texts in ${field}`, value)
      return value
    })
  }

  cid(field: string): CID {
    return this.#cid(field, this.text(field))
  }

  /** `{"/": "<cid>"}`; undefined when there is none. */
  link(field: string): CID | undefined {
    const value = this.#fields[field]
    if (value === undefined || value === null) return undefined
    return this.#cid(field, new Answer(this.#call, value).text('/'))
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined && this.#fields[field] !== null
  }

  #cid(field: string, text: string): CID {
    try {
      return CID.parse(text)
    } catch {
      throw this.#unlike(`a CID in ${field}`, text)
    }
  }

  #unlike(expected: string, found: unknown): IpfsAnswerError {
    const shown = JSON.stringify(found)?.slice(0, 100) ?? 'nothing'
    return new IpfsAnswerError(this.#call, `expected ${expected}, found ${shown}`)
  }
}
