import { describe, expect, test } from 'bun:test'
import { Listeners, type Router } from '../../../core/network/listeners.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'

function rig() {
  const time = new VirtualTime()
  const streams = new Map<string, unknown>()
  const subscribers = new Set<string>()
  const events = new EventTarget()
  const mesh = new Set<string>()
  const grafted: string[] = []
  const router = {
    streamsOutbound: streams,
    getSubscribers: () => [...subscribers],
    graftOnSubscribe: (peer: string) => !mesh.has(peer) && mesh.add(peer),
    sendGraft: (peer: string) => void grafted.push(peer),
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  } as unknown as Router
  const heard: string[] = []
  const listeners = new Listeners(router, 'metrics', time, (peer) => void heard.push(peer))
  const say = (peer: string, topic = 'metrics', subscribe = true) => {
    if (topic === 'metrics' && subscribe) subscribers.add(peer)
    if (topic === 'metrics' && !subscribe) subscribers.delete(peer)
    const detail = { peerId: peer, subscriptions: [{ topic, subscribe }] }
    events.dispatchEvent(new CustomEvent('subscription-change', { detail }))
  }
  /** Whether it has resolved, after `ms`. */
  const resolved = (wait: Promise<void>, ms: number) => {
    let done = false
    wait.then(() => {
      done = true
    })
    time.run(ms)
    return done
  }
  return { time, streams, mesh, grafted, heard, listeners, say, resolved }
}

describe('a peer', () => {
  test('hears when it listens and the stream to it is open, whichever is first', () => {
    const { time, streams, heard, say } = rig()
    say('P')
    time.run(1_000)
    expect(heard).toEqual([])
    streams.set('P', {})
    time.run(50)
    expect(heard).toEqual(['P'])
    streams.set('Q', {})
    say('Q', 'another topic')
    expect(heard).toEqual(['P'])
    say('Q')
    expect(heard).toEqual(['P', 'Q'])
    time.run(60_000)
    expect(heard).toHaveLength(2)
  })
  test('is taken into the mesh then, if the library has not done it', () => {
    const { streams, mesh, grafted, say } = rig()
    for (const peer of ['P', 'Q']) streams.set(peer, {})
    mesh.add('Q')
    for (const peer of ['P', 'Q']) say(peer)
    expect(grafted).toEqual(['P'])
  })
  test('to which no stream is opened is given up on', () => {
    const { time, streams, heard, say } = rig()
    say('P')
    time.run(10_000)
    streams.set('P', {})
    time.run(60_000)
    expect(heard).toEqual([])
    say('P')
    expect(heard).toEqual(['P'])
  })
})

describe('waiting until a peer hears', () => {
  test('ends a moment after that, and after the time otherwise', () => {
    const { streams, listeners, say, resolved } = rig()
    const waiting = listeners.until('P', 2_000)
    expect(resolved(waiting, 2_099)).toBe(false)
    expect(resolved(waiting, 1)).toBe(true)
    streams.set('P', {})
    const second = listeners.until('P', 2_000)
    expect(resolved(second, 1_000)).toBe(false)
    say('P')
    expect(resolved(second, 100)).toBe(true)
    expect(resolved(listeners.until('P', 2_000), 100)).toBe(true)
  })
  test('ends with the network', () => {
    const { listeners, resolved } = rig()
    const waiting = listeners.until('P', 2_000)
    listeners[Symbol.dispose]()
    expect(resolved(waiting, 100)).toBe(true)
  })
})
