import { Table } from '@mantine/core'
import type { ReactNode } from 'react'
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
    <Table.Td>
      <div className={classes.actions}>{children}</div>
    </Table.Td>
  )
}
