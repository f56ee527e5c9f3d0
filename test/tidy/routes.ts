/** The rule about `docs/rest.md`: its table has every route of the REST API, and no other. */
import type { PeerService } from '../../core/api/peer-service.ts'
import { addRoute } from '../../core/api/rest/add-route.ts'
import { healthRoutes } from '../../core/api/rest/health-routes.ts'
import { peerRoutes } from '../../core/api/rest/peer-routes.ts'
import { pinRoutes } from '../../core/api/rest/pin-routes.ts'
import type { Clock, Scheduler } from '../../core/runtime/ports.ts'

/** `GET /pins/:hash` and so on, sorted. */
export function routesOfCode(): string[] {
  // Routes are only listed here; a handler would need these, and none is called.
  const [service, clock, scheduler] = [{} as PeerService, {} as Clock, {} as Scheduler]
  const routes = [
    ...peerRoutes(service, undefined, scheduler),
    addRoute(service, '', { clock, scheduler }),
    ...pinRoutes(service, clock),
    ...healthRoutes(service),
  ]
  return routes.map(({ method, path }) => `${method} ${path.replaceAll(/\{[^}]*\}/g, '')}`).sort()
}

/** The routes in the table of the document, sorted. */
export function routesOfDocument(document: string): string[] {
  return [...document.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, route]) => route!).sort()
}
