package infra

// moreMistakes are mistakes in what the templates leave to Azure, in the workflow,
// and in the commands of the pages.
var moreMistakes = []mistake{
	{
		"public address of Postgres in a VNet", "infra/data.bicep",
		"network: { publicNetworkAccess: publicAccess }", "network: { publicNetworkAccess: 'Enabled' }",
		"network: data.bicep: postgres.properties.network.publicNetworkAccess",
	},
	{
		"open storage account in a VNet", "infra/data.bicep",
		"vnetEnabled ? 'Deny' : 'Allow'", "vnetEnabled ? 'Allow' : 'Allow'",
		"network: data.bicep: storage.properties.networkAcls.defaultAction",
	},
	{
		"zone of another service", "infra/network.bicep",
		"privatelink.servicebus.windows.net", "privatelink.servicebus.azure.net",
		"network: network.bicep: no zone",
	},
	{
		"endpoint of another kind", "infra/network.bicep",
		"'postgresqlServer'", "'postgresServer'",
		`network: network.bicep: "postgresServer"`,
	},
	{
		"subnet without a delegation", "infra/network.bicep",
		"serviceName: 'Microsoft.App/environments' } }]", "serviceName: 'Microsoft.Web/serverFarms' } }]",
		"network: network.bicep: subnet app",
	},
	{
		"queues without duplicate detection", "infra/data.bicep",
		"{ name: 'Standard', tier: 'Standard' }", "{ name: 'Basic', tier: 'Basic' }",
		"network: data.bicep: serviceBus.sku.name",
	},
	{
		"metric that does not exist", "infra/alerts.bicep",
		"'DeadletteredMessages'", "'DeadLetterMessages'",
		"alerts: alerts.bicep: core-dead-letters: no metric",
	},
	{
		"metric of another resource", "infra/alerts.bicep",
		"'cpu_percent'", "'cpu_percentage'",
		"alerts: alerts.bicep: core-database-cpu: no metric",
	},
	{
		"probe behind the sign-in", "infra/app.bicep",
		"excludedPaths: ['/api/health']", "excludedPaths: ['/api/heath']",
		"sign-in: app.bicep: /api/heath",
	},
	{
		"client secret", "infra/app.bicep",
		"clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'",
		"clientSecretSettingName: 'MICROSOFT_PROVIDER_AUTHENTICATION_SECRET'",
		"sign-in: app.bicep: ",
	},
	{
		"namespace of the scale rule", "infra/worker.bicep",
		"namespace: serviceBusName", "namespace: serviceBusHost",
		"worker: worker.bicep: the rule for queue",
	},
	{
		"memory limit above the container", "infra/worker.bicep",
		"value: '1600MiB'", "value: '16000MiB'",
		"worker: worker.bicep: GOMEMLIMIT",
	},
	{
		"hook that a lock prevents", "infra/hooks/migrate.sh",
		"firewall-rule create", "firewall-rule delete",
		"hooks: migrate.sh: the lock",
	},
	{
		"rule that stays open", "infra/hooks/migrate.sh",
		"trap 'admit 0.0.0.1' EXIT", "trap 'admit 0.0.0.0' EXIT",
		"hooks: migrate.sh: ",
	},
	{
		"no token for the sign-in", ".github/workflows/deploy.yml",
		"  id-token: write\n", "",
		"workflow: deploy.yml: id-token",
	},
	{
		"secret in the workflow", ".github/workflows/deploy.yml",
		"client-id: ${{ vars.AZURE_CLIENT_ID }}\n",
		"client-id: ${{ vars.AZURE_CLIENT_ID }}\n          client-secret: ${{ secrets.AZURE_CLIENT_SECRET }}\n",
		"workflow: deploy.yml: secrets.",
	},
	{
		"job without an environment", ".github/workflows/deploy.yml",
		"    environment: ${{ inputs.environment }}\n", "",
		"workflow: deploy.yml: the job has the environment",
	},
	{
		"tool that cannot be chosen", ".github/workflows/deploy.yml",
		"if: inputs.tool == 'azd'", "if: inputs.tool == 'azdev'",
		`workflow: deploy.yml: no option "azdev"`,
	},
	{
		"step that does not exist", ".github/workflows/deploy.yml",
		"steps.verify.outcome", "steps.smoke.outcome",
		`workflow: deploy.yml: no step "smoke"`,
	},
	{
		"variable that the page does not name", ".github/workflows/deploy.yml",
		"vars.DATABASE_ADMIN_ID", "vars.DB_ADMIN_ID",
		"workflow: docs/rollout.md: DB_ADMIN_ID",
	},
	{
		"rollback without a failure", ".github/workflows/deploy.yml",
		"if: failure() && ", "if: ",
		"workflow: deploy.yml: the rollback",
	},
	{
		"credential of a branch", "docs/rollout.md",
		"repo:%s:environment:%s", "repo:%s:ref:refs/heads/%s",
		"workflow: docs/rollout.md: the credential",
	},
	{
		"misspelt setting of az", "docs/deploy.md",
		`"DATABASE_CONNECTIONS=8"`, `"DATABASE_CONECTIONS=8"`,
		"pages: docs/deploy.md: DATABASE_CONECTIONS",
	},
	{
		"value of az that differs", "docs/deploy.md",
		`"FUNCTION_TIMEOUT=30m"`, `"FUNCTION_TIMEOUT=10m"`,
		"pages: docs/deploy.md: FUNCTION_TIMEOUT is 10m",
	},
	{
		"wide role of az", "docs/deploy.md",
		`assign "Storage Blob Data Owner"`, `assign "Contributor"`,
		`pages: docs/deploy.md: role "Contributor"`,
	},
	{
		"role of the namespace in az", "docs/deploy.md",
		`"$(az servicebus queue show`, `"$(az servicebus namespace show`,
		`pages: docs/deploy.md: role "Azure Service Bus Data Owner"`,
	},
	{
		"wide role of the pipeline", "docs/rollout.md",
		"--role Contributor", "--role Owner",
		`pages: docs/rollout.md: role "Owner"`,
	},
	{
		"queue of az is missing", "docs/deploy.md",
		"for queue in jobs tasks long-tasks", "for queue in jobs tasks",
		"pages: docs/deploy.md: the queues are",
	},
	{
		"lock of az that differs", "docs/deploy.md",
		"--lock-duration PT1M", "--lock-duration PT5M",
		"pages: docs/deploy.md: --lock-duration is PT5M",
	},
	{
		"function that does not exist", "docs/rollout.md",
		"AzureWebJobs.process_task.Disabled", "AzureWebJobs.process_tasks.Disabled",
		`pages: docs/rollout.md: no function "process_tasks"`,
	},
	{
		"instances that do not fit", "docs/deploy.md",
		"--maximum-instance-count 72", "--maximum-instance-count 100",
		"pages: docs/deploy.md: 100 instances",
	},
}
