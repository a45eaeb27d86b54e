// What holds data: the identity that reaches it, the storage account of the
// Functions host, the queues, and Postgres. No key and no password exists.
param location string
param suffix string
param tags object
param databaseSku string
param databaseTier string
param databaseStorageGB int
param databaseHighAvailability string
param databaseAdminId string
param databaseAdminName string
param databaseAdminType string
param zoneRedundant bool
param vnetEnabled bool

var publicAccess = vnetEnabled ? 'Disabled' : 'Enabled'
var queueNames = ['jobs', 'tasks', 'long-tasks']
var packageContainer = 'app-package'

var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  serviceBusDataOwner: '090c5cfd-751d-490a-894a-3ce6f1109419'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-core-${suffix}'
  location: location
  tags: tags
}

// The host keeps its locks, its function keys and the package of the app here.
resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: 'stcore${suffix}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicAccess
    networkAcls: {
      defaultAction: vnetEnabled ? 'Deny' : 'Allow'
      bypass: 'None'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: storage
  name: 'default'
}

resource package 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: packageContainer
}

resource storageRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, identity.id, roles.storageBlobDataOwner)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

// Only Premium has private endpoints.
resource serviceBus 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: 'sb-core-${suffix}'
  location: location
  tags: tags
  sku: vnetEnabled ? { name: 'Premium', tier: 'Premium', capacity: 1 } : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicAccess
  }
}

// A lock of a minute: the message of a lost process is delivered again soon,
// and the host renews the lock while a task runs. 100 deliveries: the host
// returns a failed message without a delay. Messages do not expire.
resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for name in queueNames: {
    parent: serviceBus
    name: name
    properties: {
      lockDuration: 'PT1M'
      maxDeliveryCount: 100
      requiresDuplicateDetection: true
      duplicateDetectionHistoryTimeWindow: 'PT10M'
      deadLetteringOnMessageExpiration: true
      maxSizeInMegabytes: 5120
      enableBatchedOperations: true
    }
  }
]

// Data Owner, per queue: the platform reads the length of a queue to scale,
// which Data Sender and Data Receiver do not permit.
resource queueRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in queueNames: {
    name: guid(queues[i].id, identity.id, roles.serviceBusDataOwner)
    scope: queues[i]
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataOwner)
    }
  }
]

resource postgres 'Microsoft.DBforPostgreSQL/flexibleServers@2025-08-01' = {
  name: 'psql-core-${suffix}'
  location: location
  tags: tags
  sku: {
    name: databaseSku
    tier: databaseTier
  }
  properties: {
    version: '17'
    createMode: 'Default'
    authConfig: {
      activeDirectoryAuth: 'Enabled'
      passwordAuth: 'Disabled'
      tenantId: tenant().tenantId
    }
    storage: {
      storageSizeGB: databaseStorageGB
      autoGrow: 'Enabled'
    }
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
    highAvailability: { mode: databaseHighAvailability }
    network: { publicNetworkAccess: publicAccess }
  }
}

// The children follow each other: the server rejects parallel changes.
resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2025-08-01' = {
  parent: postgres
  name: 'core'
  properties: {
    charset: 'UTF8'
    collation: 'en_US.utf8'
  }
}

resource administrator 'Microsoft.DBforPostgreSQL/flexibleServers/administrators@2025-08-01' = {
  parent: postgres
  name: databaseAdminId
  properties: {
    principalName: databaseAdminName
    principalType: databaseAdminType
    tenantId: tenant().tenantId
  }
  dependsOn: [database]
}

// 0.0.0.0 admits every address inside Azure, also those of other tenants: Flex
// has no fixed addresses without a VNet. Sign-in needs an Entra token. It does
// not admit the machine from which you migrate.
resource azureAddresses 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2025-08-01' = if (!vnetEnabled) {
  parent: postgres
  name: 'azure'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
  dependsOn: [administrator]
}

// Remove this lock before azd down.
resource keepDatabase 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'keep-database'
  scope: postgres
  properties: {
    level: 'CanNotDelete'
    notes: 'All jobs and their results are in this server.'
  }
  dependsOn: [administrator]
}

output identityId string = identity.id
output identityName string = identity.name
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
output storageId string = storage.id
output storageName string = storage.name
output packageUri string = '${storage.properties.primaryEndpoints.blob}${packageContainer}'
output serviceBusId string = serviceBus.id
output serviceBusName string = serviceBus.name
output serviceBusHost string = '${serviceBus.name}.servicebus.windows.net'
output databaseId string = postgres.id
output databaseServer string = postgres.name
output databaseHost string = postgres.properties.fullyQualifiedDomainName
output databaseName string = database.name
