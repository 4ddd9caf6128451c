import { Button, Table } from '@mantine/core'
import type { UseInfiniteQueryResult } from '@tanstack/react-query'
import { ChevronRight } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import classes from './console.module.css'

interface Props {
  label: string
  /** The names of the columns; the last one may be empty, for what can be done. */
  columns: readonly string[]
  children: ReactNode
}

/** A table of the console. */
export function Rows({ label, columns, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, keys could not scroll it.
    <section className={classes.frame} aria-label={`${label}, scrollable`} tabIndex={0}>
      <Table className={classes.rows} aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {columns.map((name) => (
              <Table.Th key={name} scope="col">
                {name || <span className="ax-unseen">Actions</span>}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </section>
  )
}

/** What can be done with a row. */
export function Actions({ children }: { children: ReactNode }) {
  return (
    <Table.Td className={classes.acts}>
      <div className={classes.actions}>{children}</div>
    </Table.Td>
  )
}

interface OpenerProps {
  isOpen: boolean
  /** For the ear: what opens. */
  label: string
  disabled?: boolean
  onToggle: () => void
  children?: ReactNode
}

/** Opens what more there is to a row, below it. */
export function Opener({ isOpen, label, disabled, onToggle, children }: OpenerProps) {
  return (
    <button
      type="button"
      className={classes.opener}
      aria-expanded={isOpen}
      aria-label={label}
      disabled={disabled}
      onClick={onToggle}
    >
      <ChevronRight size={14} aria-hidden /> {children}
    </button>
  )
}

/** Reads the next page of a list that begins with the newest. */
export function Older({ query }: { query: UseInfiniteQueryResult }) {
  if (!query.hasNextPage) return null
  return (
    <div className={classes.more}>
      <Button
        variant="default"
        size="xs"
        loading={query.isFetchingNextPage}
        onClick={() => void query.fetchNextPage()}
      >
        Show older ones
      </Button>
    </div>
  )
}

const FIRST = 200

/** The first ones of a list that is there as a whole: drawing thousands takes a browser seconds. */
export function useFirst<T>(rows: readonly T[]): { first: readonly T[]; more: ReactNode } {
  const [shown, setShown] = useState(FIRST)
  const left = rows.length - shown
  const more = left > 0 && (
    <div className={classes.more}>
      <Button variant="default" size="xs" onClick={() => setShown(shown + FIRST)}>
        Show {Math.min(left, FIRST)} more of {rows.length.toLocaleString('en')}
      </Button>
    </div>
  )
  return { first: left > 0 ? rows.slice(0, shown) : rows, more }
}

const POLL_MS = 5_000
const POLLED_PAGES_MAX = 4

/** How often a list is read anew: every page of it is, so one who looks far back is left alone. */
export function pollPages(query: {
  state: { error: Error | null; data: { pages: readonly unknown[] } | undefined }
}): number | false {
  const { error, data } = query.state
  return error === null && (data?.pages.length ?? 0) <= POLLED_PAGES_MAX ? POLL_MS : false
}
