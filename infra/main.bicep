// CoreMachine in Azure, as azd up creates it: see docs/deploy.md. The
// templates are read by internal/test/infra and have not been compiled by the
// Bicep compiler.
targetScope = 'subscription'

@description('Name of the azd environment. It becomes a part of all names.')
@minLength(1)
@maxLength(24)
param environmentName string

@description('Azure region.')
param location string

@description('Size of the Postgres server. The connections of all instances must fit it; see sizes below.')
@allowed([
  'Standard_B2s'
  'Standard_D2ds_v5'
  'Standard_D4ds_v5'
  'Standard_D8ds_v5'
  'Standard_D16ds_v5'
])
param databaseSku string = 'Standard_D2ds_v5'

@description('Storage of the Postgres server in GiB.')
@allowed([
  32
  64
  128
  256
  512
  1024
])
param databaseStorageGB int = 64

@description('Object ID of the Entra user, group or service principal that administrates the database and migrates its schema.')
param databaseAdminId string

@description('Sign-in name of that administrator: the name of a group, or the user principal name.')
param databaseAdminName string

@description('Type of that administrator.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param databaseAdminType string = 'User'

@description('Maximum pool size of one process. It is lowered where 40 instances would not fit the server.')
@minValue(1)
@maxValue(32)
param databaseConnections int = 8

@description('Memory of one instance.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Maximum number of instances. It is lowered to what the Postgres server can serve.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 100

@description('Instances of the HTTP functions, of process_job and of process_task that are always ready. 0 scales to zero.')
@minValue(0)
@maxValue(20)
param alwaysReady int = 0

@description('Spread the app, the storage account and the database over the availability zones of the region.')
param zoneRedundant bool = false

@description('Reach the database, the storage account and Service Bus over private endpoints only. Service Bus becomes Premium.')
param vnetEnabled bool = false

@description('Image of the worker, for example ghcr.io/name/coremachine:0.1.0. Empty: there are no workers outside of Functions.')
param workerImage string = ''

@description('Maximum number of workers in Container Apps.')
@minValue(1)
@maxValue(20)
param workerReplicas int = 10

@description('Client ID of the app registration that guards the app with Entra sign-in. Empty: function keys only.')
param authClientId string = ''

@description('Address that gets mail from alerts. Empty: alerts are only shown in the portal.')
param alertEmail string = ''

@description('Base URL of an OTLP/HTTP receiver. Empty: only Application Insights gets telemetry.')
param otlpEndpoint string = ''

@description('Address of the blob service that jobs read, for example https://name.blob.core.windows.net. Its account needs a role assignment for the identity.')
param blobServiceUri string = ''

// Connections that each size leaves for users: max_connections minus 15.
var userConnections = {
  Standard_B2s: 414
  Standard_D2ds_v5: 844
  Standard_D4ds_v5: 1703
  Standard_D8ds_v5: 3422
  Standard_D16ds_v5: 4985
}
var burstable = startsWith(databaseSku, 'Standard_B')

// A process opens its pool and one more connection for LISTEN. A fifth of the
// connections stays free, and 20 more for migrations, corectl and people.
var workers = empty(workerImage) ? 0 : workerReplicas
var budget = userConnections[databaseSku] * 8 / 10 - 20
var connections = min(databaseConnections, budget / (40 + workers) - 1)
var fitting = budget / (connections + 1) - workers

// All Flex apps of a subscription and region share 512,000 MB.
var instances = min(maximumInstances, min(fitting, 512000 / instanceMemoryMB))

var tags = { 'azd-env-name': environmentName }
var suffix = uniqueString(subscription().id, environmentName, location)

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module data 'data.bicep' = {
  name: 'data'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: tags
    databaseSku: databaseSku
    databaseTier: burstable ? 'Burstable' : 'GeneralPurpose'
    databaseStorageGB: databaseStorageGB
    databaseHighAvailability: zoneRedundant && !burstable ? 'ZoneRedundant' : 'Disabled'
    databaseAdminId: databaseAdminId
    databaseAdminName: databaseAdminName
    databaseAdminType: databaseAdminType
    zoneRedundant: zoneRedundant
    vnetEnabled: vnetEnabled
  }
}

module network 'network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: tags
    storageId: data.outputs.storageId
    serviceBusId: data.outputs.serviceBusId
    databaseId: data.outputs.databaseId
  }
}

module monitor 'monitor.bicep' = {
  name: 'monitor'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: tags
    principalId: data.outputs.principalId
  }
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: tags
    identityId: data.outputs.identityId
    identityName: data.outputs.identityName
    clientId: data.outputs.clientId
    storageName: data.outputs.storageName
    packageUri: data.outputs.packageUri
    serviceBusHost: data.outputs.serviceBusHost
    databaseHost: data.outputs.databaseHost
    databaseName: data.outputs.databaseName
    databaseConnections: connections
    insightsConnection: monitor.outputs.insightsConnection
    instanceMemoryMB: instanceMemoryMB
    instances: instances
    alwaysReady: alwaysReady
    zoneRedundant: zoneRedundant
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    authClientId: authClientId
    otlpEndpoint: otlpEndpoint
    blobServiceUri: blobServiceUri
  }
}

module worker 'worker.bicep' = if (!empty(workerImage)) {
  name: 'worker'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: tags
    image: workerImage
    replicas: workerReplicas
    identityId: data.outputs.identityId
    identityName: data.outputs.identityName
    clientId: data.outputs.clientId
    serviceBusHost: data.outputs.serviceBusHost
    serviceBusName: data.outputs.serviceBusName
    databaseHost: data.outputs.databaseHost
    databaseName: data.outputs.databaseName
    databaseConnections: connections
    logsName: monitor.outputs.logsName
    subnetId: vnetEnabled ? network!.outputs.workerSubnetId : ''
    otlpEndpoint: otlpEndpoint
    blobServiceUri: blobServiceUri
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    email: alertEmail
    insightsId: monitor.outputs.insightsId
    serviceBusId: data.outputs.serviceBusId
    databaseId: data.outputs.databaseId
    connectionsAlarm: userConnections[databaseSku] * 9 / 10
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output APP_NAME string = app.outputs.appName
output APP_URL string = app.outputs.appUrl
output DATABASE_SERVER string = data.outputs.databaseServer
output DATABASE_HOST string = data.outputs.databaseHost
output DATABASE_NAME string = data.outputs.databaseName
output DATABASE_ADMIN_NAME string = databaseAdminName
output IDENTITY_NAME string = data.outputs.identityName
output IDENTITY_PRINCIPAL_ID string = data.outputs.principalId
output VNET_ENABLED bool = vnetEnabled
