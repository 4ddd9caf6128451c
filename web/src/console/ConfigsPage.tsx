import { Button, Table } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { admin } from '../api/client'
import type { FlowConfig } from '../api/consoleTypes'
import { Blank } from '../parts/Blank'
import { CopyText } from '../parts/CopyText'
import { TimeOf } from '../parts/Moment'
import { ConfigDialog } from './ConfigDialog'
import classes from './console.module.css'
import { AddButton, Answer, Confirmed, Section, Subject, useChange } from './parts'
import { Actions, Rows, useFirst } from './Rows'
import { Names } from './Word'

const CONFIGS = ['configs'] as const

/** Under which terms flows run: by profile, for one flow or for all of them. */
export function ConfigsPage() {
  const configs = useQuery({ queryKey: CONFIGS, queryFn: admin.configs })
  const [edited, setEdited] = useState<FlowConfig | 'new' | null>(null)
  return (
    <Subject
      title="Flow Configs"
      about="Time limits and values of secrets that an invocation asks for by their ID, for one flow or for all."
      action={
        <AddButton query={configs} onAdd={() => setEdited('new')}>
          Add config
        </AddButton>
      }
    >
      <Section title="Flow configs" isAlone>
        <Answer query={configs}>{(rows) => <Found rows={rows} onEdit={setEdited} />}</Answer>
      </Section>
      {edited !== null && (
        <ConfigDialog
          config={edited === 'new' ? null : edited}
          queryKey={CONFIGS}
          onClose={() => setEdited(null)}
        />
      )}
    </Subject>
  )
}

function Found(props: { rows: readonly FlowConfig[]; onEdit: (config: FlowConfig) => void }) {
  const { first, more } = useFirst(props.rows)
  const remove = useChange((id: string) => admin.deleteConfig(id), CONFIGS)
  if (props.rows.length === 0)
    return (
      <Blank
        title="No flow configs"
        text="Without one, flows run as the box is set. Add one here, or from a terminal with"
        command="axiomd configs set --flow acme/report --timeout 30"
      />
    )
  const columns = ['Profile', 'Flow', 'Node time limit', 'Secrets', 'Updated', '']
  return (
    <>
      <Rows label="Flow configs" columns={columns}>
        {first.map((row) => (
          <Table.Tr key={row.config_id}>
            <Table.Td className={classes.name}>
              <div>{row.profile}</div>
              <CopyText text={row.config_id} label="config ID" />
            </Table.Td>
            <Table.Td className={classes.name}>
              {row.flow ?? <span className="ax-dim">all flows</span>}
            </Table.Td>
            <Table.Td>
              {row.node_timeout_seconds === null ? (
                <span className="ax-dim">as the box</span>
              ) : (
                `${row.node_timeout_seconds} s`
              )}
            </Table.Td>
            <Table.Td>
              <Names names={row.secrets} />
            </Table.Td>
            <Table.Td>
              <TimeOf at={row.updated_at} />
            </Table.Td>
            <Actions>
              <Button
                variant="default"
                size="xs"
                aria-label={`Edit ${row.profile}`}
                onClick={() => props.onEdit(row)}
              >
                Edit
              </Button>
              <Confirmed
                label="Delete"
                name={row.profile}
                title={`Delete the config ${row.profile}?`}
                confirm="Delete"
                act={() => remove.mutateAsync(row.config_id)}
              >
                Invocations that ask for it are refused from now on.
              </Confirmed>
            </Actions>
          </Table.Tr>
        ))}
      </Rows>
      {more}
    </>
  )
}
