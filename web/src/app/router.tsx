import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { onLostSession } from '../api/client'
import { DELIVERY_STATUSES, type DeliveryStatus } from '../api/consoleTypes'
import { type ExecutionsSearch, readExecutionsSearch } from '../executions/search'
import { Loading } from '../parts/Loading'
import { BrokenPage, NotFoundPage } from './OtherPages'
import { queryClient, sessionQuery } from './query'
import { Shell } from './Shell'
import { parseSearch, readNumber, readText, writeSearch } from './search'

export interface ExecutionSearch {
  tab?: string
  /** Where the scrubber stands, in milliseconds after the start. */
  t?: number
  /** The placement that is shown beside the canvas. */
  node?: string
  /** The list of events tells only of this placement, and only of these kinds. */
  of?: string
  kind?: string
}

export interface FlowsSearch {
  q?: string
}

export interface FlowSearch {
  node?: string
}

export interface WebhooksSearch {
  status?: DeliveryStatus
}

export interface UsageSearch {
  /** Another tenant, for the operator. */
  tenant?: string
}

export interface AuditSearch {
  act?: string
  /** Another tenant's log, for the operator. */
  tenant?: string
}

export interface SignInSearch {
  next?: string
}

const root = createRootRoute({ notFoundComponent: NotFoundPage })

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/executions', replace: true })
  },
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('../signin/SignInPage'), 'SignInPage'),
  validateSearch: ({ next }: Record<string, unknown>): SignInSearch =>
    given({ next: readText(next) }),
})

/** Everything that only who is signed in sees. */
const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell })

const executions = createRoute({
  getParentRoute: () => shell,
  path: '/executions',
  component: lazyRouteComponent(() => import('../executions/ExecutionsPage'), 'ExecutionsPage'),
  validateSearch: (search: Record<string, unknown>): ExecutionsSearch =>
    readExecutionsSearch(search),
})

const execution = createRoute({
  getParentRoute: () => shell,
  path: '/executions/$executionId',
  component: lazyRouteComponent(() => import('../execution/ExecutionPage'), 'ExecutionPage'),
  validateSearch: ({ tab, t, node, of, kind }: Record<string, unknown>): ExecutionSearch =>
    given({
      tab: readText(tab),
      t: readNumber(t),
      node: readText(node),
      of: readText(of),
      kind: readText(kind),
    }),
})

const flows = createRoute({
  getParentRoute: () => shell,
  path: '/flows',
  component: lazyRouteComponent(() => import('../flows/FlowsPage'), 'FlowsPage'),
  validateSearch: ({ q }: Record<string, unknown>): FlowsSearch => given({ q: readText(q) }),
})

const flow = createRoute({
  getParentRoute: () => shell,
  path: '/flows/$graphId',
  component: lazyRouteComponent(() => import('../flows/FlowPage'), 'FlowPage'),
  validateSearch: ({ node }: Record<string, unknown>): FlowSearch =>
    given({ node: readText(node) }),
})

const consoleFrame = createRoute({
  getParentRoute: () => shell,
  path: '/console',
  component: lazyRouteComponent(() => import('../console/Console'), 'Console'),
})

const consoleHome = createRoute({
  getParentRoute: () => consoleFrame,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/console/keys', replace: true })
  },
})

const keys = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'keys',
  component: lazyRouteComponent(() => import('../console/KeysPage'), 'KeysPage'),
})

const webhooks = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'webhooks',
  component: lazyRouteComponent(() => import('../console/WebhooksPage'), 'WebhooksPage'),
  validateSearch: ({ status }: Record<string, unknown>): WebhooksSearch =>
    given({ status: DELIVERY_STATUSES.find((one) => one === status) }),
})

const secrets = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'secrets',
  component: lazyRouteComponent(() => import('../console/SecretsPage'), 'SecretsPage'),
})

const configs = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'configs',
  component: lazyRouteComponent(() => import('../console/ConfigsPage'), 'ConfigsPage'),
})

const schedules = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'schedules',
  component: lazyRouteComponent(() => import('../console/SchedulesPage'), 'SchedulesPage'),
})

const usage = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'usage',
  component: lazyRouteComponent(() => import('../console/UsagePage'), 'UsagePage'),
  validateSearch: ({ tenant }: Record<string, unknown>): UsageSearch =>
    given({ tenant: readText(tenant) }),
})

const tenants = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'tenants',
  component: lazyRouteComponent(() => import('../console/TenantsPage'), 'TenantsPage'),
})

const audit = createRoute({
  getParentRoute: () => consoleFrame,
  path: 'audit',
  component: lazyRouteComponent(() => import('../console/AuditPage'), 'AuditPage'),
  validateSearch: ({ act, tenant }: Record<string, unknown>): AuditSearch =>
    given({ act: readText(act), tenant: readText(tenant) }),
})

const consolePages = [
  consoleHome,
  keys,
  webhooks,
  secrets,
  configs,
  schedules,
  usage,
  tenants,
  audit,
]

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    signIn,
    shell.addChildren([executions, execution, flows, flow, consoleFrame.addChildren(consolePages)]),
  ]),
  parseSearch,
  stringifySearch: writeSearch,
  defaultPreload: 'intent',
  defaultPendingComponent: Loading,
  defaultErrorComponent: BrokenPage,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

onLostSession(() => {
  const { pathname, href } = router.state.location
  if (pathname === '/sign-in') return
  queryClient.removeQueries({ queryKey: sessionQuery.queryKey })
  void router.navigate({ to: '/sign-in', search: { next: href }, replace: true })
})

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the names that have no value. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Given<T>
}
