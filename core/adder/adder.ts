/**
 * Adding content: an upload becomes blocks, the blocks go to the peers that are to hold them, the roots are pinned
 * (`spec/behaviour.md` §6).
 */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, PinOptions } from '../pin/pin.ts'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import type { Logger } from '../runtime/ports.ts'
import type { AddedOutput, AddParameters, UploadPart } from './add.ts'
import { BlockMaker } from './block-maker.ts'
import type { BlockSink } from './block-sink.ts'
import { importCar } from './car.ts'
import { chunkerNamed } from './chunker.ts'
import { Distribution } from './distribution.ts'
import { AddRefusedError, EmptyUploadError, HashFunctionError, UploadTooLargeError } from './errors.ts'
import { hashFunctionNamed } from './hashing.ts'
import { importUnixfs } from './importer.ts'

/** Roots of one add. Each is a pin of its own, so that many files belong in a folder. */
const maxRoots = 10_000
/** Pins asked for at once; they share commits. */
const pinsAtOnce = 64

export interface AdderInit {
  self: PeerIdText
  /**
   * Chooses the peers that are to hold what is added: for a pin everywhere, all. Asked once an add, before its first block
   * goes out.
   */
  allocate(options: PinOptions, call: { signal?: AbortSignal }): Promise<PeerIdText[]>
  /** The way of blocks to the IPFS node of a peer, this one among them. */
  sinkFor(peer: PeerIdText): BlockSink
  /** Pins a root; `allocations` are the peers that have its blocks, also for a pin everywhere. */
  pin(root: CID, options: PinOptions, allocations: PeerIdText[]): Promise<unknown>
  logger: Logger
}

export interface Adder {
  /**
   * Adds an upload and pins its roots. The lines come as their nodes are made; the last comes before the blocks are stored
   * and pinned, so that only the end of the iteration means success. Ending it early stops the add. Rejects with
   * `AddRefusedError` before anything is read, and with the other errors of `errors.ts`.
   */
  add(
    parts: AsyncIterable<UploadPart>,
    parameters: AddParameters,
    options?: { signal?: AbortSignal },
  ): AsyncIterable<AddedOutput>
}

export function createAdder(init: AdderInit): Adder {
  return {
    async *add(parts, parameters, options = {}) {
      refuse(parameters)
      await using run = new AddRun(init, parameters, options.signal)
      yield* parameters.format === 'car' ? run.addCar(parts) : run.addUnixfs(parts)
      await run.finish()
    },
  }
}

function refuse({ shard, nocopy, format, wrapWithDirectory }: AddParameters): void {
  if (shard) throw new AddRefusedError('shard=true is not supported yet: add without it')
  if (nocopy) {
    throw new AddRefusedError('nocopy=true is not supported: the IPFS nodes need copies, add without it')
  }
  if (format === 'car' && wrapWithDirectory) throw new AddRefusedError('cannot wrap a CAR file upload')
}

/** One add. */
class AddRun implements AsyncDisposable {
  readonly #init: AdderInit
  readonly #parameters: AddParameters
  readonly #signal: AbortSignal | undefined
  readonly #pin: PinOptions
  readonly #roots = new Map<string, CID>()
  #allocations: PeerIdText[] = []
  #distribution: Distribution | undefined

  constructor(init: AdderInit, parameters: AddParameters, signal: AbortSignal | undefined) {
    this.#init = init
    this.#parameters = parameters
    this.#signal = signal
    const { pinUpdate: _, ...pin } = parameters.pin
    this.#pin = { ...pin, mode: 'recursive' }
  }

  async *addUnixfs(parts: AsyncIterable<UploadPart>): AsyncGenerator<AddedOutput> {
    const { cidVersion, layout, rawLeaves, wrapWithDirectory, progress } = this.#parameters
    const hash = hashFunctionNamed(this.#parameters.hash)
    if (cidVersion === 0 && hash.name !== 'sha2-256') {
      // The first clause is what the original says.
      throw new HashFunctionError(`invalid cid: invalid v0 prefix: ${hash.name} needs cid-version=1`)
    }
    const chunker = chunkerNamed(this.#parameters.chunker)
    const blocks = new BlockMaker({ cidVersion, hash, emit: (block) => this.#emit(block) })
    const options = { chunker, layout, rawLeaves, wrapWithDirectory, progress }
    for await (const event of importUnixfs(parts, blocks, options)) {
      if (event.kind === 'progress') {
        yield { name: event.name, bytes: event.bytes }
        continue
      }
      const { name, node, isRoot } = event
      if (isRoot) this.#addRoot(node.cid)
      yield { name, cid: node.cid, size: node.dagSize, allocations: this.#allocations }
    }
  }

  async *addCar(parts: AsyncIterable<UploadPart>): AsyncGenerator<AddedOutput> {
    const outputs: AddedOutput[] = []
    for await (const part of parts) {
      if (outputs.length > 0) throw new AddRefusedError('only one CAR file can be added at once')
      if (part.kind !== 'file') throw new AddRefusedError('expected CAR file is not of type file')
      const car = await importCar(part.content, (block) => this.#emit(block))
      if (!this.#distribution) throw new EmptyUploadError()
      for (const { cid, fileSize, warnings } of car.roots) {
        this.#addRoot(cid)
        const output: AddedOutput = {
          name: part.path,
          cid,
          bytes: car.bytes,
          allocations: this.#allocations,
          warnings,
        }
        if (fileSize) output.size = fileSize
        outputs.push(output)
      }
      outputs[0]?.warnings?.unshift(...car.warnings)
    }
    yield* outputs
  }

  /** Waits until the blocks are stored, and pins the roots. */
  async finish(): Promise<void> {
    if (this.#roots.size === 0) throw new EmptyUploadError()
    await this.#distribution?.finish()
    if (this.#parameters.noPin) return
    const roots = [...this.#roots.values()]
    for (let first = 0; first < roots.length; first += pinsAtOnce) {
      this.#signal?.throwIfAborted()
      const some = roots.slice(first, first + pinsAtOnce)
      await Promise.all(some.map((root) => this.#init.pin(root, this.#pin, this.#allocations)))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#distribution?.[Symbol.asyncDispose]()
  }

  #addRoot(root: CID): void {
    this.#roots.set(root.toString(), root)
    if (this.#roots.size <= maxRoots) return
    throw new UploadTooLargeError(
      `the upload has more than ${maxRoots} entries at the top: add with wrap-with-directory=true`,
    )
  }

  async #emit(block: IpfsBlock): Promise<void> {
    this.#signal?.throwIfAborted()
    this.#distribution ??= await this.#distribute()
    await this.#distribution.send(block)
  }

  async #distribute(): Promise<Distribution> {
    const { self, logger } = this.#init
    const { local } = this.#parameters
    const call = this.#signal ? { signal: this.#signal } : {}
    this.#allocations = [...(await this.#init.allocate(this.#pin, call))]
    if (local && !this.#allocations.includes(self) && this.#pin.userAllocations.length === 0) {
      this.#allocations.splice(-1, 1, self)
    }
    const peers = local ? [self] : this.#allocations
    const roots = () => (this.#parameters.noPin ? [] : [...this.#roots.values()])
    return new Distribution({ peers, sinkFor: (peer) => this.#init.sinkFor(peer), roots, logger })
  }
}
