// The alarms of docs/operations.md, as far as Azure sees their conditions. Each
// description names the entry of the runbook.
param location string
param tags object
param email string
param insightsId string
param serviceBusId string
param databaseId string
param connectionsAlarm int

var runbook = 'Runbook: docs/operations.md'

var busAlarms = [
  {
    name: 'dead-letters'
    metric: 'DeadletteredMessages'
    aggregation: 'Maximum'
    threshold: 0
    severity: 1
    window: 'PT15M'
  }
  {
    name: 'queue-age'
    metric: 'ActiveMessages'
    aggregation: 'Minimum'
    threshold: 10000
    severity: 2
    window: 'PT15M'
  }
]

var databaseAlarms = [
  { name: 'pool', metric: 'active_connections', threshold: connectionsAlarm }
  { name: 'database-cpu', metric: 'cpu_percent', threshold: 90 }
  { name: 'database-storage', metric: 'storage_percent', threshold: 80 }
]

// A record of the log in quotes, as the engine writes it.
var logAlarms = [
  { name: 'outbox-age', query: 'traces | where message has "Service Bus is unavailable"', severity: 2, more: 3 }
  { name: 'unresponsive-handlers', query: 'traces | where message has "unresponsive handler abandoned"', severity: 2, more: 0 }
  { name: 'sweep-actions', query: 'traces | where message has "recreated missing messages for a stalled job"', severity: 2, more: 0 }
  { name: 'not-ready', query: 'requests | where success == false and name startswith "process_"', severity: 1, more: 50 }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-core'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'core'
    enabled: true
    emailReceivers: empty(email) ? [] : [{ name: 'mail', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource bus 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alarm in busAlarms: {
    name: 'core-${alarm.name}'
    location: 'global'
    tags: tags
    properties: {
      description: '${runbook}#${alarm.name}'
      severity: alarm.severity
      enabled: true
      scopes: [serviceBusId]
      evaluationFrequency: 'PT5M'
      windowSize: alarm.window
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alarm.name
            metricNamespace: 'Microsoft.ServiceBus/namespaces'
            metricName: alarm.metric
            operator: 'GreaterThan'
            threshold: alarm.threshold
            timeAggregation: alarm.aggregation
            dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
          }
        ]
      }
      actions: [{ actionGroupId: people.id }]
    }
  }
]

resource throttled 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'core-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: '${runbook}#outbox-age'
    severity: 2
    enabled: true
    scopes: [serviceBusId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ThrottledRequests'
          operator: 'GreaterThan'
          threshold: 100
          timeAggregation: 'Total'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource database 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alarm in databaseAlarms: {
    name: 'core-${alarm.name}'
    location: 'global'
    tags: tags
    properties: {
      description: '${runbook}#pool'
      severity: 2
      enabled: true
      scopes: [databaseId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alarm.name
            metricNamespace: 'Microsoft.DBforPostgreSQL/flexibleServers'
            metricName: alarm.metric
            operator: 'GreaterThan'
            threshold: alarm.threshold
            timeAggregation: 'Average'
          }
        ]
      }
      actions: [{ actionGroupId: people.id }]
    }
  }
]

resource log 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alarm in logAlarms: {
    name: 'core-${alarm.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      description: '${runbook}#${alarm.name}'
      severity: alarm.severity
      enabled: true
      scopes: [insightsId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT10M'
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alarm.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: alarm.more
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]

// No sweep for ten minutes: no process of the app works.
resource silent 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'core-no-sweep'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: '${runbook}#sweep-actions'
    severity: 1
    enabled: true
    scopes: [insightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT10M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'requests | where name == "sweep" and success == true'
          timeAggregation: 'Count'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}
