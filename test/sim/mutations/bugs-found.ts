/** Bugs of the real code that the simulator has found, and what keeps each from coming back. */
export interface FoundBug {
  what: string
  /** The check that failed, or what else showed it. */
  foundBy: string
  /** The test that shows it mended. */
  test: string
}

export const bugsFound: readonly FoundBug[] = [
  {
    what: 'A pin that was asked for again was answered as stored while its first write still waited for its commit, and was lost when that failed or the process died',
    foundBy: 'anytime_unchanged_pins_are_stored',
    test: 'test/unit/peer/pinning.test.ts asked for again while it waits for its commit is not taken for stored',
  },
  {
    what: 'A peer whose clock was late by nearly as long as its pings hold was alive for a moment after each ping and then missed, and its pins were given to others',
    foundBy: 'anytime_nobody_loses_a_pin_within_the_grace_window',
    test: 'test/unit/monitor/metric-window.test.ts late by nearly as long as its pings hold, is alive from its second ping on',
  },
  {
    what: 'A peer that returned after the last look at who is alive was still taken for gone, and its pins were given to others',
    foundBy: 'anytime_nobody_loses_a_pin_within_the_grace_window',
    test: 'test/unit/upkeep/repinning.test.ts nothing is taken from one that has just returned, before the next look at who is alive',
  },
  {
    what: 'A peer whose clock was late and that told several metrics at once was missed before its next ping, as the last of them shortened what the first had said',
    foundBy: 'anytime_nobody_loses_a_pin_within_the_grace_window',
    test: 'test/unit/monitor/metric-window.test.ts late, stays alive for as long as the metric before said when several come at once',
  },
  {
    what: 'Of a peer whose clock was late nothing had been heard before: its first metrics held for a moment only, and it was missed until its next ping',
    foundBy: 'anytime_nobody_loses_a_pin_within_the_grace_window',
    test: 'test/unit/monitor/metric-window.test.ts late, is alive until its next ping when it tells several at once, and nothing was heard before',
  },
  {
    what: 'Changes that a peer announced, and that were lost with it before anybody had them whole, were asked for every 5 s for ever, and what had come of them stayed on the disk',
    foundBy: 'eventually_nothing_is_waited_for',
    test: 'test/unit/crdt/dag-walk.test.ts that asks in vain',
  },
]
