/**
 * The way to a peer, as a TCP proxy on loopback that a test can cut: either its connections break and new ones
 * are closed, or it stays open and nothing comes through.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

export type LinkState = 'whole' | 'cut' | 'silent'

export class CuttableLink implements AsyncDisposable {
  readonly #target: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #state: LinkState = 'whole'

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** Listens on a free port and leads to `target`, a port of loopback. */
  static async to(target: number): Promise<CuttableLink> {
    const link = new CuttableLink(target)
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve))
    return link
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  get state(): LinkState {
    return this.#state
  }

  set state(state: LinkState) {
    this.#state = state
    for (const socket of this.#sockets) {
      if (state === 'cut') socket.destroy()
      else if (state === 'silent') socket.pause()
      else socket.resume()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.state = 'cut'
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(from: Socket): void {
    if (this.#state === 'cut') {
      from.destroy()
      return
    }
    const to = connect(this.#target, '127.0.0.1')
    this.#forward(from, to)
    this.#forward(to, from)
  }

  #forward(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('data', (bytes) => {
      if (to.write(bytes)) return
      from.pause()
      to.once('drain', () => this.#state === 'silent' || from.resume())
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    if (this.#state === 'silent') from.pause()
  }
}
