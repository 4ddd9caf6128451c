import { ActionIcon } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Artifact, ArtifactEdge, ArtifactNode } from '../api/types'
import { CopyText } from '../parts/CopyText'
import { JsonView } from '../parts/JsonView'
import classes from './flows.module.css'

interface DetailsProps {
  artifact: Artifact
  node: ArtifactNode
  onClose: () => void
}

/** One placement: what runs there, how, and what leads to and from it. */
export function NodeDetails({ artifact, node, onClose }: DetailsProps) {
  const into = artifact.edges.filter((edge) => edge.to === node.alias)
  const out = artifact.edges.filter((edge) => edge.from === node.alias)
  return (
    <>
      <header className={classes.inspectorHead}>
        <h2>{node.alias}</h2>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Close the placement"
          onClick={onClose}
        >
          <X size={16} />
        </ActionIcon>
      </header>
      <dl className={classes.details}>
        <Detail name="Node">{node.node}</Detail>
        <Detail name="Package">{node.package}</Detail>
        <Detail name="Subflow">
          {node.subflow !== null && (
            <Link
              to="/flows/$graphId"
              params={{ graphId: node.subflow }}
              className={classes.flowLink}
            >
              {node.subflow}
            </Link>
          )}
        </Detail>
        <Detail name="Type">{node.type}</Detail>
        <Detail name="Input">{node.input}</Detail>
        <Detail name="Output">{node.output}</Detail>
        <Detail name="Runner">{node.runner}</Detail>
        <Detail name="Timeout">{node.timeout_seconds ? `${node.timeout_seconds} s` : null}</Detail>
        <Detail name="Gate">{joinText(node)}</Detail>
        <Detail name="Fan-out">{node.fan_out?.items}</Detail>
        <Detail name="At once">{node.fan_out?.max_parallel}</Detail>
        <Detail name="Undone by">{node.compensate?.node}</Detail>
        <Detail name="Digest">
          {node.digest !== null && <CopyText text={node.digest} label="digest" />}
        </Detail>
      </dl>
      {node.hitl !== null && (
        <Part title="Asks a person">
          <p className="ax-dim">{hitlText(node)}</p>
          <JsonView value={node.hitl.interrupt_payload} />
        </Part>
      )}
      {node.compose !== null && (
        <Part title="Composes its input">
          <Expressions fields={node.compose} />
        </Part>
      )}
      <Edges title="Comes from" edges={into} end="from" />
      <Edges title="Leads to" edges={out} end="to" />
    </>
  )
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  if (children === null || children === undefined || children === false || children === '')
    return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.part}>
      <h3>{title}</h3>
      {children}
    </section>
  )
}

function Edges(props: { title: string; edges: readonly ArtifactEdge[]; end: 'from' | 'to' }) {
  if (props.edges.length === 0) return null
  return (
    <Part title={props.title}>
      <ul className={classes.ways}>
        {props.edges.map((edge) => (
          <li key={`${edge.from} ${edge.to} ${edge.loop}`}>
            <b>{edge[props.end]}</b> <span className="ax-dim">{kindText(edge)}</span>
            {edge.condition !== null && <code className={classes.code}>{edge.condition}</code>}
            {edge.adapter !== null && <Expressions fields={edge.adapter} />}
          </li>
        ))}
      </ul>
    </Part>
  )
}

function Expressions({ fields }: { fields: { [field: string]: string } }) {
  return (
    <dl className={classes.expressions}>
      {Object.entries(fields).map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  )
}

function kindText({ loop, on_error, max_iterations, condition }: ArtifactEdge): string {
  if (loop) return max_iterations ? `loop, at most ${max_iterations} iterations` : 'loop'
  if (on_error) return 'after a failure'
  return condition === null ? '' : 'if'
}

function joinText({ join }: ArtifactNode): string | null {
  if (join === null) return null
  const quorum = join.quorum === null ? '' : `, ${join.quorum} are enough`
  const time =
    join.timeout_seconds === null ? '' : `, ${join.timeout_seconds} s then ${join.timeout_policy}`
  return `${join.kind}, ${join.failure_policy}${quorum}${time}`
}

function hitlText({ hitl }: ArtifactNode): string {
  if (!hitl?.timeout_seconds) return 'It waits for ever.'
  return `After ${hitl.timeout_seconds} s without an answer: ${hitl.timeout_policy}.`
}
