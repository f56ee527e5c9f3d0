/** `cluster state export`. */

import { writeOutput } from '../../core/local/output-file.ts'
import { exportState } from '../../core/local/state-export.ts'
import { command } from '../command.ts'
import { CommandError } from '../errors.ts'

/** Not to be opened again: where stdout is a socket, that cannot be done. */
const stdoutNames = ['', '-', '/dev/stdout', '/dev/fd/1']

export default command({
  args: {
    file: {
      type: 'string',
      alias: ['f'],
      hint: 'file',
      default: '',
      description: 'where to write to (stdout)',
    },
  },
  details: 'Works beside a running peer, and without one.',
  examples: [
    ['cluster state export -f pins.json', 'writes all pins to a file'],
    ['cluster state export | gzip > pins.json.gz', 'writes them to a compressed one'],
  ],
  async run({ args, session }) {
    const { folder, environment, signal } = session
    using progress = session.progress('exporting')
    let pins = 0
    const texts = (async function* () {
      for await (const part of exportState({ folder, environment, signal })) {
        pins += part.pins
        progress.update(`${pins} pins`)
        yield part.text
      }
    })()
    if (stdoutNames.includes(args.file)) {
      for await (const text of texts) await session.write(text)
    } else {
      await writeOutput(args.file, texts, failed)
    }
    session.say(`${pins} pins exported`)
  },
})

function failed(cause: unknown): never {
  throw new CommandError('writing output file', cause)
}
