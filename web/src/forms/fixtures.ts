import type { Schema } from '../api/types'

/** An order as the server describes it, for tests: each kind of field once. */
export const ORDER: Schema = {
  title: 'shop.Order',
  type: 'object',
  properties: {
    customer: { type: 'string' },
    amount: { type: ['string', 'integer'], pattern: '^-?[0-9]+$', format: 'int64' },
    count: { type: 'integer', minimum: -2147483648, maximum: 2147483647 },
    rate: { type: 'number', format: 'double' },
    gift: { type: 'boolean' },
    priority: { type: 'string', title: 'shop.Priority', enum: ['NORMAL', 'HIGH'] },
    photo: { type: 'string', contentEncoding: 'base64' },
    due: { type: 'string', format: 'date-time' },
    wait: { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$' },
    lines: { type: 'array', items: { $ref: '#/$defs/shop.Line' } },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    card: { $ref: '#/$defs/shop.Line' },
    invoice: { type: 'string' },
    extra: { type: 'object' },
    parent: { $ref: '#/$defs/shop.Order' },
  },
  additionalProperties: false,
  'x-oneof': { pay: ['card', 'invoice'] },
  $defs: {
    'shop.Line': {
      title: 'shop.Line',
      type: 'object',
      properties: { sku: { type: 'string' }, qty: { type: 'integer' } },
      additionalProperties: false,
    },
  },
}
ORDER.$defs = { ...ORDER.$defs, 'shop.Order': { ...ORDER } }
