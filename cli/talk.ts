/** What the program says besides data: plain lines on stderr, coloured where that is a terminal and NO_COLOR is not set. */
import { type ConsolaInstance, createConsola } from 'consola/core'

export interface TalkStream {
  write(text: string): unknown
  isTTY?: boolean
}

export function createTalk(
  stream: TalkStream,
  environment: Record<string, string | undefined>,
): ConsolaInstance {
  const colours = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
  const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)
  const marks: Partial<Record<string, string>> = { warn: paint(33, 'warning: '), error: paint(31, 'error: ') }
  return createConsola({
    level: 3,
    throttle: 0,
    reporters: [
      {
        log({ type, args }) {
          stream.write(`${marks[type] ?? ''}${args.map(String).join(' ')}\n`)
        },
      },
    ],
  })
}
