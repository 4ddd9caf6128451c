import { Accordion, Button, CopyButton } from '@mantine/core'
import { Check, Copy, Terminal } from 'lucide-react'
import { useMemo } from 'react'
import type { Artifact, ArtifactNode, Schema } from '../api/types'
import { example } from '../forms/schema'
import { curlText, invokePath } from './curl'
import classes from './flows.module.css'
import { ModeBadge } from './ModeBadge'
import { NodeDetails } from './NodeDetails'
import { SchemaTree } from './SchemaTree'

interface InspectorProps {
  artifact: Artifact
  node: ArtifactNode | null
  onSelect: (alias: string | null) => void
}

/** What there is to know of a flow, or of the placement that is selected. */
export function FlowInspector({ artifact, node, onSelect }: InspectorProps) {
  if (node !== null) {
    return (
      <aside className={classes.inspector} aria-label="Placement inspector">
        <NodeDetails artifact={artifact} node={node} onClose={() => onSelect(null)} />
      </aside>
    )
  }
  return (
    <aside className={classes.inspector} aria-label="Flow inspector">
      <header className={classes.inspectorHead}>
        <h2>Flow inspector</h2>
        <ModeBadge mode={artifact.mode} />
      </header>
      {artifact.description && <p className={classes.about}>{artifact.description}</p>}
      <Accordion
        multiple
        defaultValue={['api', 'input']}
        classNames={{ label: classes.sectionLabel }}
      >
        <Section value="api" title="API">
          <Api artifact={artifact} />
        </Section>
        <Section value="input" title={`Input · ${shortTitle(artifact.input_schema)}`}>
          <SchemaTree schema={artifact.input_schema} />
        </Section>
        <Section value="output" title={`Output · ${shortTitle(artifact.output_schema)}`}>
          <SchemaTree schema={artifact.output_schema} />
        </Section>
      </Accordion>
    </aside>
  )
}

const shortTitle = (schema: Schema) => schema.title?.split('.').at(-1) ?? 'message'

function Section(props: { value: string; title: string; children: React.ReactNode }) {
  return (
    <Accordion.Item value={props.value}>
      <Accordion.Control>{props.title}</Accordion.Control>
      <Accordion.Panel>{props.children}</Accordion.Panel>
    </Accordion.Item>
  )
}

function Api({ artifact }: { artifact: Artifact }) {
  const text = useMemo(() => {
    const { input_schema } = artifact
    return curlText(window.location.origin, artifact, example(input_schema, input_schema))
  }, [artifact])
  return (
    <div className={classes.api}>
      <span className="ax-dim">Invoke endpoint</span>
      <code className={classes.code}>POST {invokePath(artifact)}</code>
      <CopyButton value={text} timeout={1500}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            size="xs"
            leftSection={<Terminal size={14} />}
            rightSection={copied ? <Check size={13} /> : <Copy size={13} />}
            onClick={copy}
          >
            {copied ? 'Copied' : 'Use via API (curl)'}
          </Button>
        )}
      </CopyButton>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section className={classes.curl} tabIndex={0} aria-label="curl command">
        <pre>{text}</pre>
      </section>
    </div>
  )
}
