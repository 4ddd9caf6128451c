import { Tabs } from '@mantine/core'
import {
  Activity,
  CirclePause,
  FileOutput,
  GitBranch,
  List,
  type LucideIcon,
  Save,
} from 'lucide-react'
import { memo, type ReactNode } from 'react'
import type { Artifact, ExecutionDetail } from '../api/types'
import type { HistoryView } from './data'
import classes from './detail.module.css'
import { EventsTab } from './EventsTab'
import type { Axis } from './replay/axis'
import type { Row } from './replay/bars'
import type { Shown } from './replay/use'
import { useExecutionSearch } from './search'
import { TimelineTab } from './TimelineTab'
import { BranchesTab } from './tabs/BranchesTab'
import { CheckpointsTab } from './tabs/CheckpointsTab'
import { OutputTab } from './tabs/OutputTab'
import { PausesTab } from './tabs/PausesTab'
import type { Clock } from './time'

interface Props {
  execution: ExecutionDetail
  artifact: Artifact
  history: HistoryView
  shown: Shown
  rows: readonly Row[]
  axis: Axis
  clock: Clock
  onShowNode: (alias: string) => void
}

interface Tab {
  name: string
  label: string
  icon: LucideIcon
  count?: number
  panel: () => ReactNode
}

/** Everything else about an execution, by subject. Which one is open is in the address. */
export const DetailTabs = memo(function DetailTabs(props: Props) {
  const [search, change] = useExecutionSearch()
  const tabs = tabsOf(props)
  const open = tabs.find(({ name }) => name === search.tab) ?? tabs[0]
  if (!open) return null
  return (
    <Tabs
      value={open.name}
      onChange={(name) => change({ tab: name === 'timeline' ? undefined : (name ?? undefined) })}
      className={classes.tabs ?? ''}
      keepMounted={false}
    >
      <Tabs.List className={classes.tabList ?? ''}>
        {tabs.map(({ name, label, icon: Icon, count }) => (
          <Tabs.Tab key={name} value={name} leftSection={<Icon size={15} aria-hidden />}>
            <span className={classes.tabName}>
              {label}
              {count ? <span className={classes.count}>{count.toLocaleString('en')}</span> : null}
            </span>
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(({ name, label, panel }) => (
        <Tabs.Panel key={name} value={name} className={classes.panel ?? ''}>
          <h2 className="ax-unseen">{label}</h2>
          {name === open.name && panel()}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
})

function tabsOf(props: Props): Tab[] {
  const { execution, artifact, history, shown, onShowNode } = props
  const about = { execution, artifact, onShowNode }
  const counts = shown.replay.counts
  const gates = artifact.nodes.filter((node) => node.gate).length
  return [
    {
      name: 'timeline',
      label: 'Timeline',
      icon: Activity,
      panel: () => <TimelineTab {...props} />,
    },
    {
      name: 'events',
      label: 'Events',
      icon: List,
      count: history.events.length,
      panel: () => (
        <EventsTab history={history} shown={shown} clock={props.clock} artifact={artifact} />
      ),
    },
    {
      name: 'checkpoints',
      label: 'Checkpoints',
      icon: Save,
      count: counts.get('node_completed') ?? 0,
      panel: () => <CheckpointsTab {...about} />,
    },
    {
      name: 'pauses',
      label: 'Pauses',
      icon: CirclePause,
      count: counts.get('pause_opened') ?? 0,
      panel: () => <PausesTab {...about} />,
    },
    {
      name: 'branches',
      label: 'Branches',
      icon: GitBranch,
      count: gates,
      panel: () => <BranchesTab {...about} />,
    },
    { name: 'output', label: 'Output', icon: FileOutput, panel: () => <OutputTab {...about} /> },
  ]
}
