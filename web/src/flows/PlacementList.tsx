import { TextInput } from '@mantine/core'
import { Boxes, Search } from 'lucide-react'
import { useState } from 'react'
import type { Artifact } from '../api/types'
import classes from './flows.module.css'

interface ListProps {
  artifact: Artifact
  selected: string | null
  onSelect: (alias: string | null) => void
}

const shortName = (type: string) => type.split('.').at(-1) ?? type

/** The placements of a flow by name. */
export function PlacementList({ artifact, selected, onSelect }: ListProps) {
  const [wanted, setWanted] = useState('')
  const word = wanted.trim().toLowerCase()
  const found = artifact.nodes.filter(({ alias, node, package: from }) =>
    [alias, node ?? '', from ?? ''].some((text) => text.toLowerCase().includes(word)),
  )
  return (
    <aside className={classes.placements} aria-label="Placements">
      <h2>Placements</h2>
      <TextInput
        size="sm"
        aria-label="Search placements"
        placeholder="Search placements"
        leftSection={<Search size={14} />}
        value={wanted}
        onChange={(event) => setWanted(event.currentTarget.value)}
      />
      <ul>
        {found.map((placement) => (
          <li key={placement.alias}>
            <button
              type="button"
              className={classes.placement}
              aria-pressed={placement.alias === selected}
              onClick={() => onSelect(placement.alias === selected ? null : placement.alias)}
            >
              <Boxes size={16} aria-hidden />
              <span className={classes.placementWords}>
                <b>{placement.alias}</b>
                <span>
                  {shortName(placement.input)} → {shortName(placement.output)}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </aside>
  )
}
