/** The routes of what a peer knows of its cluster: connections, alerts, traffic, metrics (`spec/rest-api.md` §6, §9). */
import type { Alert } from '../../monitor/failure-detector.ts'
import type { Metric } from '../../monitor/metric.ts'
import type { GoJson } from '../../pin/go-json.ts'
import { formatTime } from '../../pin/time.ts'
import type { Bandwidth, ConnectGraph, PeerService } from '../peer-service.ts'
import type { Route } from './call.ts'

export function healthRoutes(service: PeerService): Route[] {
  return [
    {
      method: 'GET',
      path: '/health/graph',
      async handle({ reply, signal }) {
        reply.json(connectGraphToJson(await service.connectGraph({ signal })))
      },
    },
    {
      method: 'GET',
      path: '/health/alerts',
      handle({ reply }) {
        reply.json(service.alerts().map(alertToJson))
      },
    },
    {
      method: 'GET',
      path: '/health/bandwidth',
      handle({ reply }) {
        reply.json(
          new Map([...service.bandwidth()].map(([protocol, each]) => [protocol, bandwidthToJson(each)])),
        )
      },
    },
    {
      method: 'GET',
      path: '/monitor/metrics/:name',
      handle({ parameters, reply }) {
        reply.json(service.metrics(parameters.name!).map(metricToJson))
      },
    },
    {
      method: 'GET',
      path: '/monitor/metrics',
      handle({ reply }) {
        reply.json(service.metricNames())
      },
    },
    {
      method: 'GET',
      path: '/health',
      handle({ reply }) {
        reply.noContent()
      },
    },
  ]
}

function connectGraphToJson(graph: ConnectGraph): GoJson {
  return {
    cluster_id: graph.clusterId,
    id_to_peername: graph.peerNames,
    ipfs_links: graph.ipfsLinks,
    cluster_links: graph.clusterLinks,
    cluster_trust_links: graph.trust,
    cluster_to_ipfs: graph.ipfsIds,
  }
}

function metricToJson(metric: Metric): { [key: string]: GoJson } {
  return {
    name: metric.name,
    peer: metric.peer,
    value: metric.value,
    expire: metric.expire,
    valid: metric.valid,
    weight: BigInt(Math.trunc(metric.weight)),
    partitionable: metric.partitionable,
    received_at: metric.receivedAt,
  }
}

function alertToJson({ metric, triggeredAt }: Alert): GoJson {
  return { ...metricToJson(metric), triggered_at: formatTime(triggeredAt) }
}

function bandwidthToJson({ totalIn, totalOut, rateIn, rateOut }: Bandwidth): GoJson {
  return { total_in: totalIn, total_out: totalOut, rate_in: rateIn, rate_out: rateOut }
}
