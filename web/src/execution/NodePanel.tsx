import { ActionIcon, Select } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import type { Artifact, ArtifactNode, Event, ExecutionDetail } from '../api/types'
import { CopyText } from '../parts/CopyText'
import { durationText } from '../parts/time'
import { Calls } from './Calls'
import { LOOKS, lineOf } from './canvas/look'
import { InAndOut } from './InAndOut'
import { Logs } from './Logs'
import classes from './panel.module.css'
import { statusAt } from './replay/at'
import type { Visit } from './replay/types'
import type { Shown } from './replay/use'
import { Scrolls } from './Scrolls'

interface Props {
  alias: string
  execution: ExecutionDetail
  artifact: Artifact
  shown: Shown
  events: readonly Event[]
  t: number
  length: number
  onClose: () => void
  onTime: (t: number) => void
}

/** One placement: its input and output, its calls, and what it said. */
export function NodePanel(props: Props) {
  const { alias, artifact, shown, events, t } = props
  const node = artifact.nodes.find((one) => one.alias === alias)
  const state = statusAt(shown.replay, alias, t)
  const look = LOOKS[state.status]
  const visits = (shown.replay.tracks.get(alias)?.visits ?? []).filter(happened)
  const [chosen, setChosen] = useState<string | null>(null)
  const visit = visits.find((one) => one.position === chosen) ?? lastOf(visits, t)
  const own = useMemo(
    () => (visit ? events.filter((event) => event.position === visit.position) : []),
    [events, visit],
  )
  useEscape(props.onClose)
  return (
    <aside className={classes.panel} aria-label={`Placement ${alias}`}>
      <div className={classes.head}>
        <span className={classes.dot} style={{ background: lineOf(state.status) }} />
        <h2 title={alias}>{alias}</h2>
        <span className={classes.said}>{look.words}</span>
        <ActionIcon variant="subtle" color="gray" aria-label="Close" onClick={props.onClose}>
          <X size={16} />
        </ActionIcon>
      </div>
      <Scrolls className={classes.body} label={`About ${alias}`}>
        {visits.length > 1 && (
          <Select
            size="xs"
            aria-label="Visit"
            data={visits.map((one) => one.position)}
            value={visit?.position ?? null}
            onChange={setChosen}
            allowDeselect={false}
            searchable
            limit={200}
          />
        )}
        {state.message !== null && <p className={classes.failure}>{state.message}</p>}
        {visit ? (
          <>
            <Calls visit={visit} events={own} length={props.length} onTime={props.onTime} />
            <InAndOut execution={props.execution} visit={visit} events={own} />
            <Logs events={own} origin={shown.replay.origin ?? 0} onTime={props.onTime} />
          </>
        ) : (
          <p className="ax-dim">Nothing has happened here.</p>
        )}
        {node && <Facts node={node} />}
      </Scrolls>
    </aside>
  )
}

/** Escape closes the panel, unless something above it takes the key. */
function useEscape(close: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const above = document.querySelector('[role="dialog"], [role="listbox"]')
      if (event.key === 'Escape' && !event.defaultPrevented && !above) close()
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [close])
}

function happened(visit: Visit): boolean {
  return visit.calls.length > 0 || visit.waits.length > 0
}

/** The visit that was the latest at that time, or else the first. */
function lastOf(visits: readonly Visit[], t: number): Visit | undefined {
  return visits.findLast((visit) => beginning(visit) <= t) ?? visits[0]
}

function beginning({ calls, waits }: Visit): number {
  const first = Number.POSITIVE_INFINITY
  return Math.min(calls[0]?.start ?? first, waits[0]?.start ?? first)
}

function Facts({ node }: { node: ArtifactNode }) {
  const facts: [string, string | null][] = [
    ['Node', node.node],
    ['Package', node.package],
    ['Input', node.input],
    ['Output', node.output],
    ['Runner', node.runner],
    ['Timeout', node.timeout_seconds ? durationText(node.timeout_seconds * 1_000) : null],
    ['Gate', node.join && `${node.join.kind}, ${node.join.failure_policy}`],
    ['Fan-out', node.fan_out?.items ?? null],
    ['Asks', node.hitl && JSON.stringify(node.hitl.interrupt_payload)],
    ['Undone by', node.compensate && `${node.compensate.package} ${node.compensate.node}`],
  ]
  return (
    <section className={classes.section}>
      <h3>Placement</h3>
      <dl className={classes.facts}>
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
        {node.digest !== null && (
          <div>
            <dt>Digest</dt>
            <dd>
              <CopyText text={node.digest} label="digest" />
            </dd>
          </div>
        )}
        {node.subflow !== null && (
          <div>
            <dt>Subflow</dt>
            <dd>
              <Link to="/flows/$graphId" params={{ graphId: node.subflow }}>
                {node.subflow}
              </Link>
            </dd>
          </div>
        )}
      </dl>
    </section>
  )
}
