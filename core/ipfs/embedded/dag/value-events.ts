/**
 * The values of dag-cbor and dag-json blocks as a flat stream. Nothing is built: a block of 4 MiB may hold millions of
 * values, which would take seconds to decode at once, and any number of levels.
 */
import { type Token, Tokenizer, Type } from 'cborg'
import { Tokenizer as JsonTokenizer } from 'cborg/json'
import { CID } from 'multiformats/cid'

export const dagCborCode = 0x71
export const dagJsonCode = 0x0129

/**
 * `start` and `end` enclose the members of a map or list. In a map a `key` comes before each member. Text of scalars is
 * left out.
 */
export type ValueEvent =
  | { kind: 'start'; of: 'map' | 'list' }
  | { kind: 'end' }
  | { kind: 'key'; key: string }
  | { kind: 'link'; cid: CID }
  | { kind: 'scalar' }

const linkTag = 42
const end: ValueEvent = { kind: 'end' }
const scalar: ValueEvent = { kind: 'scalar' }
const startOfMap: ValueEvent = { kind: 'start', of: 'map' }
const startOfList: ValueEvent = { kind: 'start', of: 'list' }

/** Throws when the bytes are not sound. Empty for other codecs. */
export function valueEvents(codec: number, bytes: Uint8Array): Iterable<ValueEvent> {
  if (codec === dagCborCode) return cborEvents(bytes)
  if (codec === dagJsonCode) return jsonEvents(bytes)
  return []
}

function* cborEvents(bytes: Uint8Array): Generator<ValueEvent, void> {
  const tokens = new Tokenizer(bytes, { allowIndefinite: false, strict: true })
  // Members that are still to come of each open map or list, keys and values counted; maps are negative.
  const open: number[] = []
  do {
    if (tokens.done()) throw new SyntaxError('it ends too early')
    const left = open.at(-1) ?? 0
    const token = tokens.next()
    if (left < 0 && left % 2 === 0) yield keyOf(token)
    else yield cborEvent(token, tokens)
    if (open.length > 0) open[open.length - 1] = left - Math.sign(left)
    if (Type.equals(token.type, Type.array)) open.push(token.value)
    if (Type.equals(token.type, Type.map)) open.push(-2 * token.value)
    while (open.at(-1) === 0) {
      open.pop()
      yield end
    }
  } while (open.length > 0)
  if (!tokens.done()) throw new SyntaxError('more follows its value')
}

function cborEvent({ type, value }: Token, tokens: Tokenizer): ValueEvent {
  if (Type.equals(type, Type.array)) return startOfList
  if (Type.equals(type, Type.map)) return startOfMap
  if (!Type.equals(type, Type.tag)) return scalar
  const bytes = tokens.done() ? undefined : tokens.next().value
  if (value !== linkTag || !(bytes instanceof Uint8Array) || bytes[0] !== 0) {
    throw new SyntaxError('it has a tag that is no link')
  }
  return { kind: 'link', cid: CID.decode(bytes.subarray(1)) }
}

function keyOf({ type, value }: Token): ValueEvent {
  if (!Type.equals(type, Type.string)) throw new SyntaxError('a key of a map is no string')
  return { kind: 'key', key: value }
}

/** A map whose first key is `/` is a link when a string follows, and bytes when a map does. */
function* jsonEvents(bytes: Uint8Array): Generator<ValueEvent, void> {
  const tokens = new JsonTokenizer(bytes, { allowIndefinite: false, strict: true })
  const open: ('map' | 'list')[] = []
  let isKeyNext = false
  do {
    const token = tokens.next()
    const { type } = token
    if (Type.equals(type, Type.break)) {
      open.pop()
      yield end
    } else if (isKeyNext) {
      yield keyOf(token)
      isKeyNext = false
      continue
    } else if (Type.equals(type, Type.array)) {
      open.push('list')
      yield startOfList
    } else if (Type.equals(type, Type.map)) {
      const first = tokens.next()
      if (Type.equals(first.type, Type.break)) {
        yield startOfMap
        yield end
      } else if (first.value === '/') {
        yield linkOrBytes(tokens)
      } else {
        open.push('map')
        yield startOfMap
        yield keyOf(first)
        isKeyNext = false
        continue
      }
    } else {
      yield scalar
    }
    isKeyNext = open.at(-1) === 'map'
  } while (open.length > 0)
  if (!tokens.done()) throw new SyntaxError('more follows its value')
}

/** After the key `/`: the text of a CID, or `{"bytes": "…"}`. */
function linkOrBytes(tokens: JsonTokenizer): ValueEvent {
  const { type, value } = tokens.next()
  const isBytes = Type.equals(type, Type.map)
  if (isBytes && (tokens.next().value !== 'bytes' || !Type.equals(tokens.next().type, Type.string))) {
    throw new SyntaxError('the key / has neither a CID nor bytes')
  }
  for (let ends = isBytes ? 2 : 1; ends > 0; ends--) {
    if (!Type.equals(tokens.next().type, Type.break))
      throw new SyntaxError('the key / is not alone in its map')
  }
  if (!isBytes && !Type.equals(type, Type.string)) throw new SyntaxError('the key / has no CID')
  return isBytes ? scalar : { kind: 'link', cid: CID.parse(value) }
}
