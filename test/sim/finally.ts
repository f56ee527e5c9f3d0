/** What must hold in the end, when the peers agree and have nothing left to do. Looked at once. */
import { dutyOf } from '../../core/pin/pin.ts'
import { type ReferenceElement, type ReferencePinset, referencePinset, winner } from './reference-pinset.ts'
import {
  type Check,
  followersAhead,
  type LivePeer,
  livePeers,
  onEach,
  pagesOf,
  pinsOf,
  type World,
} from './world.ts'

export const finallyChecks: Record<string, Check> = {
  finally_heads_are_what_nothing_builds_on: (world) =>
    onDifferent(world, (peer) => {
      const { tips } = referenceOf(world, peer)
      const heads = new Set(peer.store.heads().map(({ cid }) => cid.toString()))
      return [
        ...[...heads.difference(tips)].map((cid) => `${cid} is a head, and another block builds on it`),
        ...[...tips.difference(heads)].map((cid) => `nothing builds on ${cid}, and it is no head`),
      ]
    }),

  finally_the_pinset_is_what_its_blocks_say: (world) =>
    onDifferent(world, (peer) => {
      const { elements } = referenceOf(world, peer)
      const pins = new Map(pinsOf(peer).map((pin) => [pin.cid.toString(), pin]))
      return [...elements].flatMap(([key, ofKey]) => {
        const [is, should] = [pins.get(key), winner(ofKey)]
        const text = ({ name = 'not there', allocations = [] as string[] } = {}) => `${name} ${allocations}`
        return text(is) === text(should) ? [] : [`${key} is ${text(is)}, its blocks say ${text(should)}`]
      })
    }),

  finally_the_pinset_is_what_clients_were_told: (world) => onFirst(world, (peer) => untoldPins(world, peer)),

  finally_ipfs_holds_what_the_pinset_says: (world) =>
    onEach(world, (peer) => {
      const wanted = new Set(
        pinsOf(peer)
          .filter((pin) => dutyOf(pin, peer.id) === 'hold')
          .map(({ cid }) => cid.toString()),
      )
      const { pinned } = peer.ipfs
      const lacking = [...wanted].filter((key) => !pinned.has(key) && !world.missing.has(key))
      const left = [...pinned.values()].filter(
        ({ cid, foreign, unclaimed }) => !foreign && unclaimed !== true && !wanted.has(cid.toString()),
      )
      return [
        ...lacking.map((key) => `${key} is to be held and IPFS does not have it`),
        ...left.map(({ cid }) => `${cid} is not to be held and IPFS still has it`),
      ]
    }),

  finally_no_unpin_is_undone_by_background_work: (world) =>
    onFirst(world, (peer) => {
      const { elements } = referenceOf(world, peer)
      const again = world.model.namesWrittenAgain()
      return [...elements].flatMap(([key, ofKey]) =>
        copiesOfTheUnpinned(ofKey)
          .filter((name) => !again.has(name))
          .map((name) => `${key}: "${name}" was unpinned, and a copy of it by background work is left`),
      )
    }),
}

/** The lowest element of a name is what a client wrote; those above it are copies of it. */
function copiesOfTheUnpinned(greatestFirst: readonly ReferenceElement[]): string[] {
  const byName = Map.groupBy(greatestFirst, ({ pin }) => pin.name)
  return [...byName].flatMap(([name, elements]) => {
    const written = elements.at(-1)
    return written?.isDead === true && elements.some(({ isDead }) => !isDead) ? [name] : []
  })
}

function untoldPins({ model }: World, peer: LivePeer): string[] {
  const pins = new Map(pinsOf(peer).map((pin) => [pin.cid.toString(), pin]))
  const complaints = model.keys().flatMap((key) => {
    const pin = pins.get(key)
    const fate = model.fate(key)
    if (fate === 'present' && pin === undefined)
      return [`${key} was pinned, nobody unpinned it, and it is gone`]
    if (fate === 'absent' && pin !== undefined) return [`${key} was unpinned and is there`]
    const isKnown = pin === undefined || model.names(key).has(pin.name)
    return isKnown ? [] : [`${key} has the name ${pin.name}, which nobody gave it`]
  })
  const known = new Set(model.keys())
  const invented = [...pins.keys()].filter((key) => !known.has(key))
  return [...complaints, ...invented.map((key) => `nobody ever pinned ${key}`)]
}

/** Worked out once, as nothing changes any more. */
function referenceOf({ references }: World, { name, store }: LivePeer): ReferencePinset {
  const known = references.get(name)
  if (known !== undefined) return known
  const reference = referencePinset(pagesOf((after) => store.blocks({ limit: 1000, ...after })))
  references.set(name, reference)
  return reference
}

/** All peers are equal by now, but for followers that are ahead. */
function onFirst(world: World, check: (peer: LivePeer) => string[]): string[] {
  const first = livePeers(world).slice(0, 1)
  return first.length === 0 ? ['no peer is up'] : onEach(world, check, first)
}

/** As `onFirst`, and each of those followers. */
function onDifferent(world: World, check: (peer: LivePeer) => string[]): string[] {
  return [...onFirst(world, check), ...onEach(world, check, followersAhead(world))]
}
