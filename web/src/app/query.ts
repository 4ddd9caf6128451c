import { QueryCache, QueryClient } from '@tanstack/react-query'
import { api } from '../api/client'
import { Refused, Unreachable } from '../api/errors'
import { reach } from './reach'

/** What the server told lately. Any answer at all shows that the server is there. */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onSuccess: () => reach.answered(),
    onError: (failure) => {
      if (failure instanceof Unreachable) reach.missed()
      else if (failure instanceof Refused) reach.answered()
    },
  }),
  defaultOptions: {
    queries: {
      // The server is asked again once it is back, see Shell: to hammer it helps nobody.
      retry: false,
      // A box on the local network is there whatever the browser thinks of its own connection.
      networkMode: 'always',
      staleTime: 1_000,
    },
    mutations: { networkMode: 'always' },
  },
})

/** The tenant that runs the box: it sees and changes all of them. */
export const OPERATOR = 'default'

export const sessionQuery = {
  queryKey: ['session'],
  queryFn: api.session,
  staleTime: 60_000,
} as const
