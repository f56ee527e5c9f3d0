/**
 * Reads and writes msgpack by a schema. A struct is a plain object under its wire keys; a key that is absent, nil or of Go's
 * zero value reads as undefined, and undefined is left out on writing, so that what was read is written byte for byte.
 */
import { MsgpackError, type MsgpackReader, type MsgpackWriter } from './msgpack.ts'

export interface Codec<T> {
  write(to: MsgpackWriter, value: T): void
  /** Never meets a nil: whoever calls takes that first. */
  read(from: MsgpackReader): T
}

export type ValueOf<C> = C extends Codec<infer T> ? T : never

function codec<T>(write: Codec<T>['write'], read: Codec<T>['read']): Codec<T> {
  return { write, read }
}

/** A signed integer of up to 64 bits that fits a JavaScript number; larger ones are an error. */
export const int: Codec<number> = codec(
  (to, value) => to.int(value),
  (from) => safe(from.integer()),
)
export const uint: Codec<number> = codec(
  (to, value) => to.uint(value),
  (from) => safe(unsigned(from.integer())),
)
/** Signed 64 bits. */
export const int64: Codec<bigint> = codec(
  (to, value) => to.int(value),
  (from) => signed64(from.integer()),
)
/** Unsigned 64 bits. */
export const uint64: Codec<bigint> = codec(
  (to, value) => to.uint(value),
  (from) => unsigned(from.integer()),
)
export const float: Codec<number> = codec(
  (to, value) => to.float(value),
  (from) => from.float(),
)
export const bool: Codec<boolean> = codec(
  (to, value) => to.bool(value),
  (from) => from.bool(),
)
export const text: Codec<string> = codec(
  (to, value) => to.raw(value),
  (from) => from.text(),
)
/** A copy, so that a small value does not keep a whole stream buffer alive. */
export const bytes: Codec<Uint8Array> = codec(
  (to, value) => to.raw(value),
  (from) => from.raw().slice(),
)

export function list<T>(item: Codec<T>): Codec<T[]> {
  return codec(
    (to, values) => {
      to.array(values.length)
      for (const value of values) item.write(to, value)
    },
    (from) => {
      const values: T[] = []
      for (let left = from.arrayLength(); left > 0; left--) {
        if (from.takeNil()) throw new MsgpackError('msgpack has nil inside a list')
        values.push(item.read(from))
      }
      return values
    },
  )
}

/** A map with text keys; written in the order of insertion. */
export function mapOf<T>(item: Codec<T>): Codec<Map<string, T | undefined>> {
  return codec(
    (to, values) => {
      to.map(values.size)
      for (const [key, value] of values) {
        to.raw(key)
        if (value === undefined) to.nil()
        else item.write(to, value)
      }
    },
    (from) => {
      const values = new Map<string, T | undefined>()
      for (let left = from.mapLength(); left > 0; left--) {
        values.set(from.text(), from.takeNil() ? undefined : item.read(from))
      }
      return values
    },
  )
}

interface Field<T> {
  codec: Codec<T>
  /** Written as this when undefined; without it the key is left out. */
  always?: (to: MsgpackWriter) => void
}

type Fields = Record<string, Field<unknown>>
type StructOf<F extends Fields> = { [K in keyof F]?: (F[K] extends Field<infer T> ? T : never) | undefined }

/** A field that is left out when undefined. */
export function optional<T>(of: Codec<T>): Field<T> {
  return { codec: of }
}

/** A field that is always written, as nil when undefined. */
export function required<T>(of: Codec<T>): Field<T> {
  return { codec: of, always: (to) => to.nil() }
}

/** A struct: a map in declaration order, or, on reading, a list in that order. Unknown keys are skipped. */
export function struct<F extends Fields>(fields: F): Codec<StructOf<F>> {
  const keys = Object.keys(fields)
  return codec(
    (to, value) => {
      const present = keys.filter((key) => value[key] !== undefined || fields[key]!.always !== undefined)
      to.map(present.length)
      for (const key of present) {
        to.raw(key)
        if (value[key] === undefined) fields[key]!.always!(to)
        else fields[key]!.codec.write(to, value[key])
      }
    },
    (from) => {
      const value: Record<string, unknown> = {}
      const { kind, length } = from.structLength()
      for (let index = 0; index < length; index++) {
        const key = kind === 'map' ? from.text() : keys[index]
        const field = key !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined
        if (field === undefined) from.skip()
        else if (!from.takeNil()) value[key!] = field.codec.read(from)
      }
      return value as StructOf<F>
    },
  )
}

function safe(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number))
    throw new MsgpackError(`msgpack has the integer ${value}, beyond 53 bits`)
  return number
}

function unsigned(value: bigint): bigint {
  if (value < 0n) throw new MsgpackError(`msgpack has the negative integer ${value} where none may be`)
  return value
}

function signed64(value: bigint): bigint {
  if (value > 0x7fff_ffff_ffff_ffffn)
    throw new MsgpackError(`msgpack has the integer ${value}, beyond 63 bits`)
  return value
}
