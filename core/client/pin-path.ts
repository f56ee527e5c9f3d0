/** What is to be pinned or unpinned, in the spellings that people copy from elsewhere, as the one path that the API takes. */
import { parseCid } from '../pin/cid-text.ts'
import { PinPathError } from './errors.ts'

/**
 * Reads a CID in any spelling, `<CID>/path`, `/ipfs/<CID>/path`, `/ipns/<name>/path` and `ipfs://` and `ipns://` addresses,
 * each with as many slashes as it has. Gives the names of the path, unescaped. Throws `InvalidCidError` or `PinPathError`.
 */
export function pinPath(text: string): string[] {
  const whole = wholeCid(text)
  if (whole !== undefined) return ['ipfs', whole]
  const uri = /^(ipfs|ipns):\/\/(.*)$/is.exec(text)
  const written = uri ? [uri[1]!.toLowerCase(), ...uriNames(uri[2]!)] : text.split('/')
  const names = written.filter((name) => name !== '' && name !== '.')
  const [namespace, root, ...rest] = uri || text.startsWith('/') ? names : ['ipfs', ...names]
  if (root === undefined || namespace === undefined || !namespaces.includes(namespace)) {
    throw new PinPathError(text)
  }
  const anchor = namespace === 'ipns' ? root : parseCid(root).toString()
  return [namespace, anchor, ...withoutSteps(rest, text)]
}

const namespaces = ['ipfs', 'ipns', 'ipld']

/** A CID in base 64 may have slashes in it. */
function wholeCid(text: string): string | undefined {
  if (text.startsWith('/') || text.includes(':')) return undefined
  try {
    return parseCid(text).toString()
  } catch (error) {
    // Without a slash there is nothing else that it could be.
    if (text.includes('/') || text === '') return undefined
    throw error
  }
}

/** An address ends at its query, and its names are escaped; a name with a percent sign of its own stays as it is. */
function uriNames(rest: string): string[] {
  return rest
    .replace(/[?#].*$/s, '')
    .split('/')
    .map(unescaped)
}

/** Resolves `..`, as a browser and Kubo do, but never beyond the root. */
function withoutSteps(names: string[], text: string): string[] {
  const kept: string[] = []
  for (const name of names) {
    if (name !== '..') kept.push(name)
    else if (kept.pop() === undefined) throw new PinPathError(text)
  }
  return kept
}

/** What percent signs stand for; the text itself when they stand for nothing. */
export function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
