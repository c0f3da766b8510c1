// Drives @kafkajs/confluent-schema-registry against a registry, and says in one line of JSON what came of it.
// argv: address, the base64 of a record that a Python client wrote for the subject kafkajs-shared, and a token.
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry')

const [host, fromPython, password] = process.argv.slice(2)
const auth = { username: 'x', password }
const registry = new SchemaRegistry({ host, auth })
const avro = { type: 'record', name: 'Bid', namespace: 'kafkajs', fields: [{ name: 'price', type: 'long' }] }
const wider = { ...avro, fields: [...avro.fields, { name: 'channel', type: 'string', default: 'web' }] }
const broken = { ...avro, fields: [{ name: 'price', type: 'string' }] }
const person = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }

const register = (schema, subject, type = SchemaType.AVRO) =>
  registry.register({ type, schema: JSON.stringify(schema) }, { subject, compatibility: COMPATIBILITY.BACKWARD })

const first = await register(avro, 'kafkajs-value')
const again = await register(avro, 'kafkajs-value')
const second = await register(wider, 'kafkajs-value')
const json = await register(person, 'kafkajs-person', SchemaType.JSON)
let refused = ''
try {
  await register(broken, 'kafkajs-value')
} catch (error) {
  refused = `${error.status ?? ''} ${error.message}`
}
const written = await registry.encode(second.id, { price: 7, channel: 'app' })
const document = await registry.encode(json.id, { id: 3 })
const fresh = new SchemaRegistry({ host, auth })
console.log(
  JSON.stringify({
    ids: [first.id, again.id, second.id, json.id],
    latest: await fresh.getLatestSchemaId('kafkajs-value'),
    looked_up: await fresh.getRegistryId('kafkajs-value', 1),
    searched: await fresh.getRegistryIdBySchema('kafkajs-value', { type: SchemaType.AVRO, schema: JSON.stringify(avro) }),
    read: await fresh.decode(written),
    read_json: await fresh.decode(document),
    read_python: await fresh.decode(Buffer.from(fromPython, 'base64')),
    written: written.toString('base64'),
    refused,
  })
)
