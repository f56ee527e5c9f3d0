/** What is in an upload: the meaning that Kubo's clients give to the parts of a form (`spec/rest-api.md` §8). */
import type { UploadPart } from '../../adder/add.ts'
import { textFromBytes } from '../../runtime/byte-text.ts'
import { MultipartError } from './errors.ts'
import { type MultipartPart, parameterOf, readMultipart } from './multipart.ts'

/** Bytes of the target of a symbolic link. */
const maxTargetBytes = 4096

export async function* readUpload(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<UploadPart> {
  for await (const part of readMultipart(body, boundary)) {
    const path = pathOf(part)
    const type = (part.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
    if (type === 'application/x-directory' || type === 'multipart/form-data') {
      yield { kind: 'directory', path }
    } else if (type === 'application/symlink') {
      yield { kind: 'symlink', path, target: await readTarget(part) }
    } else {
      yield { kind: 'file', path, content: part.content }
    }
  }
}

/** Empty when the part has no file name. */
function pathOf({ headers }: MultipartPart): string {
  const disposition = headers.get('content-disposition') ?? ''
  const extended = parameterOf(disposition, 'filename*')?.match(/^utf-8'[^']*'(.*)$/i)?.[1]
  const name = extended !== undefined ? unescapeName(extended) : parameterOf(disposition, 'filename')
  // Clients escape the name once more, as in a query.
  return unescapeName(name ?? '', '+').replace(/^\/+/, '')
}

/** A text with a lone `%` was not escaped. `blank` stands for a blank, besides `%20`. */
function unescapeName(text: string, blank = ' '): string {
  if (/%(?![0-9a-f]{2})/i.test(text)) return text
  const bytes = Buffer.from(text.replaceAll(blank, ' '))
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const isEscape = bytes[at] === 0x25
    bytes[length++] = isEscape ? Number.parseInt(bytes.toString('latin1', at + 1, at + 3), 16) : bytes[at]!
    if (isEscape) at += 2
  }
  return textFromBytes(bytes.subarray(0, length))
}

async function readTarget({ content }: MultipartPart): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of content) {
    length += piece.length
    if (length > maxTargetBytes) {
      throw new MultipartError(
        `a symbolic link of the upload has a target of more than ${maxTargetBytes} bytes`,
      )
    }
    pieces.push(piece)
  }
  return textFromBytes(Buffer.concat(pieces))
}
