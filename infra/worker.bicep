// Optional: workers in Container Apps, which run the same engine without the
// Functions host. They scale by the length of the queues.
param location string
param suffix string
param tags object
param image string
param replicas int
param identityId string
param identityName string
param clientId string
param serviceBusHost string
param serviceBusName string
param databaseHost string
param databaseName string
param databaseConnections int
param logsName string
param subnetId string
param otlpEndpoint string
param blobServiceUri string

var queueNames = ['jobs', 'tasks', 'long-tasks']

var settings = concat(
  [
    { name: 'AZURE_CLIENT_ID', value: clientId }
    { name: 'DATABASE_URL', value: 'host=${databaseHost} port=5432 dbname=${databaseName} user=${identityName} sslmode=verify-full' }
    { name: 'DATABASE_ENTRA', value: 'true' }
    { name: 'DATABASE_CONNECTIONS', value: string(databaseConnections) }
    { name: 'TRANSPORT', value: 'servicebus' }
    { name: 'SERVICEBUS__fullyQualifiedNamespace', value: serviceBusHost }
    { name: 'DRAIN_TIMEOUT', value: '4m' }
    { name: 'PROBE_ADDRESS', value: ':8081' }
    { name: 'GOMEMLIMIT', value: '1600MiB' }
  ],
  empty(blobServiceUri) ? [] : [{ name: 'STORAGE__blobServiceUri', value: blobServiceUri }],
  empty(otlpEndpoint)
    ? []
    : [
        { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: otlpEndpoint }
        { name: 'OTEL_EXPORTER_OTLP_PROTOCOL', value: 'http/protobuf' }
      ]
)

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: logsName
}

resource environments 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: 'cae-core-${suffix}'
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
    vnetConfiguration: empty(subnetId) ? null : { infrastructureSubnetId: subnetId, internal: true }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
  }
}

resource collect 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: environments
  properties: {
    workspaceId: logs.id
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

resource worker 'Microsoft.App/containerApps@2025-01-01' = {
  name: 'ca-core-${suffix}'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    environmentId: environments.id
    workloadProfileName: 'Consumption'
    configuration: { activeRevisionsMode: 'Single' }
    template: {
      terminationGracePeriodSeconds: 270 // DRAIN_TIMEOUT and the time to stop
      containers: [
        {
          name: 'worker'
          image: image
          args: ['worker']
          env: settings
          resources: { cpu: 1, memory: '2Gi' }
          probes: [
            { type: 'Liveness', httpGet: { path: '/livez', port: 8081 }, periodSeconds: 10, failureThreshold: 3 }
            { type: 'Readiness', httpGet: { path: '/readyz', port: 8081 }, periodSeconds: 10, failureThreshold: 3 }
            { type: 'Startup', httpGet: { path: '/livez', port: 8081 }, periodSeconds: 2, failureThreshold: 30 }
          ]
        }
      ]
      scale: {
        minReplicas: 0
        maxReplicas: replicas
        pollingInterval: 15
        cooldownPeriod: 300
        rules: [
          for name in queueNames: {
            name: name
            custom: {
              type: 'azure-servicebus'
              identity: identityId
              metadata: {
                queueName: name
                namespace: serviceBusName
                messageCount: '64'
              }
            }
          }
        ]
      }
    }
  }
}

output workerName string = worker.name
