import { Button, Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useState } from 'react'
import { api } from '../api/client'
import type { Artifact } from '../api/types'
import { useTitle } from '../app/title'
import { Canvas } from '../execution/canvas/Canvas'
import { useArtifact } from '../execution/data'
import type { EdgeState, NodeState } from '../execution/replay/types'
import { CopyText } from '../parts/CopyText'
import { Loading } from '../parts/Loading'
import { Moment } from '../parts/Moment'
import { Trouble } from '../parts/Trouble'
import { absolute } from '../parts/time'
import { FlowInspector } from './FlowInspector'
import classes from './flows.module.css'
import { PlacementList } from './PlacementList'
import { RunDialog } from './RunDialog'

const NO_STATES = new Map<string, NodeState>()
const NO_EDGE_STATES = new Map<string, EdgeState>()

/** One artifact: its topology, how it is invoked, and a way to run it. */
export function FlowPage() {
  const { graphId } = useParams({ from: '/shell/flows/$graphId' })
  const { data, error, refetch } = useArtifact(graphId)
  useTitle(data?.flow ?? 'Flow')
  if (data) return <Flow key={graphId} artifact={data} />
  return (
    <div className="ax-page">
      {error ? <Trouble failure={error} onRetry={() => void refetch()} /> : <Loading />}
    </div>
  )
}

function Flow({ artifact }: { artifact: Artifact }) {
  const { node } = useSearch({ from: '/shell/flows/$graphId' })
  const navigate = useNavigate({ from: '/flows/$graphId' })
  const [isRunning, setRunning] = useState(false)
  const selected = artifact.nodes.find(({ alias }) => alias === node) ?? null
  const select = (alias: string | null) =>
    void navigate({ search: alias === null ? {} : { node: alias }, replace: true })
  return (
    <div className={classes.flow}>
      <FlowHead artifact={artifact} />
      <PlacementList artifact={artifact} selected={selected?.alias ?? null} onSelect={select} />
      <div className={classes.canvas}>
        <Canvas
          artifact={artifact}
          states={NO_STATES}
          edgeStates={NO_EDGE_STATES}
          selected={selected?.alias ?? null}
          onSelect={select}
        />
        <Button
          className={classes.run}
          radius="xl"
          size="md"
          leftSection={<Play size={17} />}
          onClick={() => setRunning(true)}
        >
          Run
        </Button>
      </div>
      <FlowInspector artifact={artifact} node={selected} onSelect={select} />
      {isRunning && <RunDialog artifact={artifact} onClose={() => setRunning(false)} />}
    </div>
  )
}

function FlowHead({ artifact }: { artifact: Artifact }) {
  return (
    <header className={classes.head}>
      <div className={classes.headName}>
        <nav aria-label="Breadcrumb">
          <Link to="/flows">Flows</Link> <span aria-hidden>/</span>
        </nav>
        <h1>{artifact.flow}</h1>
      </div>
      <CopyText text={artifact.graph_id} label="artifact ID" />
      <span className={classes.headFact}>
        <span className="ax-dim">Compiled</span> <Moment at={artifact.created_at} />
      </span>
      <Versions artifact={artifact} />
    </header>
  )
}

/** The way to the other artifacts of the same flow. */
function Versions({ artifact }: { artifact: Artifact }) {
  const navigate = useNavigate()
  const { data } = useQuery({
    queryKey: ['artifacts', 'newest'],
    queryFn: () => api.artifacts({ limit: 1_000 }),
  })
  const versions = (data?.rows ?? []).filter((row) => row.flow === artifact.flow)
  if (versions.length < 2) return null
  return (
    <Select
      size="xs"
      w={230}
      aria-label="Artifact of this flow"
      allowDeselect={false}
      data={versions.map((row) => ({ value: row.graph_id, label: absolute(row.created_at) }))}
      value={artifact.graph_id}
      onChange={(graphId) =>
        graphId !== null && void navigate({ to: '/flows/$graphId', params: { graphId } })
      }
    />
  )
}
