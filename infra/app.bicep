// The Functions app: a Flex Consumption plan of its own, the custom handler,
// and its settings. internal/config reads the settings of the engine.
param location string
param suffix string
param tags object
param identityId string
param identityName string
param clientId string
param storageName string
param packageUri string
param serviceBusHost string
param databaseHost string
param databaseName string
param databaseConnections int
param insightsConnection string
param instanceMemoryMB int
param instances int
param alwaysReady int
param zoneRedundant bool
param subnetId string
param authClientId string
param otlpEndpoint string
param blobServiceUri string

// Each Service Bus function has instances of its own. Two are needed for zones.
var readyNames = ['http', 'function:process_job', 'function:process_task']
var readyCount = zoneRedundant ? max(2, alwaysReady) : alwaysReady

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-core-${suffix}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: 'func-core-${suffix}'
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: { minTlsVersion: '1.2' }
    functionAppConfig: {
      // ARM accepts any version. With another one, no instance starts.
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: instances
        alwaysReady: alwaysReady == 0 ? [] : map(readyNames, name => { name: name, instanceCount: readyCount })
        triggers: { http: { perInstanceConcurrency: 100 } }
      }
    }
  }
}

// The whole set: a deployment removes settings that are not here.
resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: site
  name: 'appsettings'
  properties: union(
    {
      AzureWebJobsStorage__accountName: storageName
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: clientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
      AZURE_CLIENT_ID: clientId
      DATABASE_URL: 'host=${databaseHost} port=5432 dbname=${databaseName} user=${identityName} sslmode=verify-full'
      DATABASE_ENTRA: 'true'
      DATABASE_CONNECTIONS: string(databaseConnections)
      TRANSPORT: 'servicebus'
      SERVICEBUS__fullyQualifiedNamespace: serviceBusHost
      SERVICEBUS__credential: 'managedidentity'
      SERVICEBUS__clientId: clientId
      FUNCTION_TIMEOUT: '30m'
      GOMEMLIMIT: '${instanceMemoryMB * 6 / 10}MiB' // the host needs the rest
    },
    empty(blobServiceUri) ? {} : { STORAGE__blobServiceUri: blobServiceUri },
    // The host sends gRPC if no protocol is set.
    empty(otlpEndpoint) ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    // The identity signs in to the app registration: there is no client secret.
    empty(authClientId) ? {} : { OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: clientId }
  )
}

// Publishing with a user name and a password is off.
resource basicAuth 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [
  for name in ['ftp', 'scm']: {
    parent: site
    name: name
    properties: { allow: false }
  }
]

// Entra sign-in for the whole site, in addition to function keys. Probes stay open.
resource auth 'Microsoft.Web/sites/config@2024-04-01' = if (!empty(authClientId)) {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: ['/api/health']
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: ['api://${authClientId}', authClientId] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
  dependsOn: [settings]
}

output appName string = site.name
output appUrl string = 'https://${site.properties.defaultHostName}'
