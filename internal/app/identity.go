package app

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/config"
	"coremachine/internal/state"
)

// postgresScope is what an Entra token for Azure Database for PostgreSQL is
// asked for, in the public cloud.
const postgresScope = "https://ossrdbms-aad.database.windows.net/.default"

// NewCredential makes the one credential of a process, shared by Service Bus
// and Postgres: it caches tokens and refreshes them by itself. Where the
// platform offers a managed identity that is it, and nothing else is tried: the
// chain of defaults probes for it with a time limit that a slow start misses.
// Elsewhere it is the developer's sign-in, which AZURE_TOKEN_CREDENTIALS must
// name.
func NewCredential(cfg config.Config) (azcore.TokenCredential, error) {
	if os.Getenv("IDENTITY_ENDPOINT") != "" {
		o := &azidentity.ManagedIdentityCredentialOptions{}
		if cfg.AzureClientID != "" {
			o.ID = azidentity.ClientID(cfg.AzureClientID)
		}

		return azidentity.NewManagedIdentityCredential(o)
	}

	if cfg.AzureCredentials == "" {
		return nil, state.Errorf(
			state.CodeUnavailable,
			"app.NewCredential",
			"no managed identity is available here (IDENTITY_ENDPOINT is not set), and "+
				"AZURE_TOKEN_CREDENTIALS names no other "+
				"sign-in: set it to dev after `az login`",
		)
	}

	return azidentity.NewDefaultAzureCredential(
		&azidentity.DefaultAzureCredentialOptions{RequireAzureTokenCredentials: true},
	)
}

// Scopes of the tokens for the other services that are reached by identity.
const (
	serviceBusScope = "https://servicebus.azure.net/.default"
	storageScope    = "https://storage.azure.com/.default"
)

// identityScopes are the scopes that a configuration needs, by the setting that
// needs them.
func identityScopes(cfg config.Config) map[string]string {
	scopes := map[string]string{}
	if cfg.DatabaseEntra {
		scopes["DATABASE_ENTRA"] = postgresScope
	}

	if cfg.Transport == config.TransportServiceBus && cfg.ServiceBus == "" && cfg.ServiceBusName != "" {
		scopes["SERVICEBUS__fullyQualifiedNamespace"] = serviceBusScope
	}

	if cfg.Storage == "" && cfg.StorageURI != "" {
		scopes["STORAGE__blobServiceUri"] = storageScope
	}

	return scopes
}

// IdentitySettings lists the settings for which a process signs in to Azure.
func IdentitySettings(cfg config.Config) []string {
	return slices.Sorted(maps.Keys(identityScopes(cfg)))
}

// ProbeIdentity gets a token for each setting that needs one, as a process
// would.
func ProbeIdentity(ctx context.Context, cfg config.Config) error {
	cred, err := NewCredential(cfg)
	if err != nil {
		return err
	}

	var all []error

	for _, scope := range identityScopes(cfg) {
		_, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		all = append(all, err)
	}

	return errors.Join(all...)
}

// EntraPassword gives a connection the token of the moment as its password. The
// server checks it at sign-in only, so an open connection outlives it. The
// token travels in clear inside TLS, so a connection that does not verify the
// server is refused.
func EntraPassword(cred azcore.TokenCredential) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, c *pgx.ConnConfig) error {
		if c.TLSConfig == nil || c.TLSConfig.InsecureSkipVerify {
			return state.Errorf(
				state.CodeInvalid,
				"app.EntraPassword",
				"DATABASE_URL must contain sslmode=verify-full: a token is sent to verified servers only",
			)
		}

		token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{postgresScope}})
		if err != nil {
			return state.Wrap(
				state.CodeUnavailable,
				"app.EntraPassword",
				"no token for Postgres: check that the identity is assigned, and that AZURE_CLIENT_ID is its client id",
				err,
			)
		}

		c.Password = token.Token
		c.Fallbacks = nil // they may do without TLS

		return nil
	}
}

// beforeConnect is the hook of the process's database connections: nil where a
// password is in the URL.
func beforeConnect(cfg config.Config) (func(context.Context, *pgx.ConnConfig) error, error) {
	if !cfg.DatabaseEntra {
		return nil, nil
	}

	cred, err := NewCredential(cfg)
	if err != nil {
		return nil, err
	}

	return EntraPassword(cred), nil
}
