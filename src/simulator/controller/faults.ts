/** What can go wrong between a client and a controller. "Commit" is that the request takes effect. */
export type RequestFault =
  /** Takes effect, and the connection ends without an answer. */
  | { kind: 'commit-then-drop' }
  /** The connection ends, and nothing takes effect. */
  | { kind: 'drop-before-commit' }
  /** The connection ends, and the request takes effect `afterMs` later: a slow transaction behind a gateway that gave up. */
  | { kind: 'drop-then-commit'; afterMs: number }
  /** A gateway's HTML page, with or without effect behind it. */
  | { kind: 'gateway-error'; status: 502 | 503 | 504; commit: boolean }
  /** A proxy's 429. The controller itself limits nobody. */
  | { kind: 'too-many-requests'; retryAfterS: number }
  | { kind: 'unauthorized' }
  /** The HTML page of an unhandled error; nothing takes effect. */
  | { kind: 'server-error' }
  /** No answer, ever, and no effect. */
  | { kind: 'hang' }
  /** Takes effect, and the answer begins `ms` later. */
  | { kind: 'slow'; ms: number }
  /** Takes effect, and the answer is cut in the middle of its JSON. */
  | { kind: 'truncated' }

/** What becomes of a notification: it never comes, it comes twice, or after the next one. */
export type NotificationFault = 'lost' | 'doubled' | 'late'

export type RequestMatch = { method?: string; path?: RegExp }

type Rule = { match: RequestMatch; fault: RequestFault; left: number }
type Watcher = { match: RequestMatch; act: () => void }

/** The faults that wait for their request. Set on the object by a test or the demo, never over the API. */
export type Faults = {
  /** The next `times` requests that match suffer the fault. Rules are tried in the order in which they were added. */
  add(match: RequestMatch, fault: RequestFault, times?: number): void
  /** Calls `act` once, right after the next matching request was answered: between a client's look and its leap. */
  afterwards(match: RequestMatch, act: () => void): void
  /** The next `times` notifications suffer the fault, in the order in which faults were added. */
  addNotification(fault: NotificationFault, times?: number): void
  clear(): void
  /** For the server: the fault of a request, used up by one. */
  take(method: string, path: string): RequestFault | undefined
  /** For the server: says that a request was answered. */
  answered(method: string, path: string): void
  /** For who sends notifications: the fault of the next one, used up by it. */
  takeNotification(): NotificationFault | undefined
}

export function createFaults(): Faults {
  let rules: Rule[] = []
  let watchers: Watcher[] = []
  let notifications: NotificationFault[] = []
  return {
    addNotification(fault, times = 1) {
      for (let time = 0; time < times; time += 1) notifications.push(fault)
    },
    takeNotification: () => notifications.shift(),
    add(match, fault, times = 1) {
      rules.push({ match, fault, left: times })
    },
    afterwards(match, act) {
      watchers.push({ match, act })
    },
    clear() {
      rules = []
      watchers = []
      notifications = []
    },
    take(method, path) {
      const rule = rules.find(({ match }) => matches(match, method, path))
      if (rule === undefined) return undefined
      rule.left -= 1
      if (rule.left <= 0) rules = rules.filter(each => each !== rule)
      return rule.fault
    },
    answered(method, path) {
      const due = watchers.filter(({ match }) => matches(match, method, path))
      watchers = watchers.filter(watcher => !due.includes(watcher))
      for (const { act } of due) act()
    },
  }
}

function matches(match: RequestMatch, method: string, path: string): boolean {
  return (match.method === undefined || match.method === method) && (match.path === undefined || match.path.test(path))
}
