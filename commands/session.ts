/** What a command may use of the terminal and the outside; `cli` supplies it. */
import type { ClusterClient } from '../core/client/cluster-client.ts'
import type { LogFormat, LogLevels } from '../core/runtime/log.ts'

export interface Session {
  /** `text` for people, `json` for programs (`spec/cli.md §2`). */
  readonly encoding: 'text' | 'json'
  readonly environment: Record<string, string | undefined>
  /** The folder of configuration and data. */
  readonly folder: string
  /** Aborted by Ctrl-C; a second one ends the process. */
  readonly signal: AbortSignal
  /**
   * Hands INT, TERM and HUP to `onSignal` from now on instead of aborting `signal`. It gets which one of them in a row it
   * is, from 1; where it returns true, the process ends at once with exit code 1.
   */
  takeSignals(onSignal: (count: number) => boolean): void
  /** Hands errors that nobody caught to `onError` from now on, instead of ending the process. */
  takeStrayErrors(onError: (error: unknown) => void): void
  readonly log: { levels: LogLevels; format: LogFormat }
  /** Said before the command: nothing is to be asked (`--force`). */
  readonly force: boolean
  readonly stdin: AsyncIterable<Uint8Array>

  /** A client of the API that `--host`, or else the configuration in the folder, names. */
  client(): Promise<ClusterClient>
  /** True when the user named the API to be asked: then a local store is no substitute for it. */
  readonly hostIsGiven: boolean

  /** Data, on stdout. Resolves when there is room for more. */
  write(text: string): Promise<void>
  /**
   * One object of data: its text, or its JSON with four spaces, with a newline at the end. `text` gets a copy in which no
   * text of a stranger can move the cursor of a terminal, or begin a line; the JSON has all as it is.
   */
  print<Data>(object: Data, text: (shown: Data) => string): Promise<void>

  /** Talk, on stderr. */
  say(message: string): void
  warn(message: string): void
  /** Shows how far something is, on stderr, where that is a terminal. */
  progress(title: string): Progress

  /**
   * Asks for a yes. Throws `DeclinedError` for a no, and `NoTerminalError` where nobody can be asked: it names `flag`,
   * which answers in advance.
   */
  confirm(question: string, flag: string): Promise<void>
  /** Asks for a text that is not shown while it is typed. Throws as `confirm`. */
  askSecret(question: string, flag: string): Promise<string>
}

export interface Progress extends Disposable {
  /** `part` of 0 to 1 where it is known. */
  update(text: string, part?: number): void
}
