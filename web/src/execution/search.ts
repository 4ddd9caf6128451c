import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import type { ExecutionSearch } from '../app/router'

type Changes = { [K in keyof ExecutionSearch]?: ExecutionSearch[K] | undefined }

/** What the address says of the page, and how to change some of it in place. */
export function useExecutionSearch(): [ExecutionSearch, (changes: Changes) => void] {
  const search = useSearch({ strict: false }) as ExecutionSearch
  const navigate = useNavigate()
  const change = useCallback(
    (changes: Changes) => {
      const merge = (before: ExecutionSearch) => {
        const all = Object.entries({ ...before, ...changes })
        return Object.fromEntries(all.filter(([, value]) => value !== undefined))
      }
      void navigate({ to: '.', search: merge as never, replace: true })
    },
    [navigate],
  )
  return [search, change]
}
