// Command pulumi-language-nodejs runs Pulumi programs on Node.js.
//
// The official host of the same name lives in a nested module that the Go module proxy does not carry for any release
// since v3.68.0, and that release knows neither the runtime options, which now arrive in each request instead of as
// flags, nor resource hooks and transforms. This host is small because it leaves out what the official one does for
// long-gone SDKs: a proxy between program and engine for synchronous invokes, which @pulumi/pulumi 3 no longer needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// A killed engine leaves its plugins behind; the host notices within this time and stops.
const engineCheckInterval = 10 * time.Second

func main() {
	tracing := flag.String("tracing", "", "Zipkin-compatible endpoint to send tracing data to")
	flag.Parse()
	logging.InitLogging(false, 0, false)
	cmdutil.InitTracing("pulumi-language-nodejs", "pulumi-language-nodejs", *tracing)

	if err := serve(flag.Arg(0), *tracing); err != nil {
		cmdutil.Exit(err)
	}
}

// serve answers the engine at the given address until the engine is gone. Its first line of output is the port.
func serve(engineAddress, tracing string) error {
	stopped := make(chan bool)
	if engineAddress != "" {
		engine, engineGone := context.WithCancel(context.Background())
		if err := rpcutil.Healthcheck(engine, engineAddress, engineCheckInterval, engineGone); err != nil {
			return fmt.Errorf("watching the engine at %s: %w", engineAddress, err)
		}
		go func() {
			<-engine.Done()
			close(stopped)
		}()
	}

	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stopped,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engineAddress: engineAddress, tracing: tracing})
			return nil
		},
		Options: rpcutil.TracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return fmt.Errorf("starting the language host's server: %w", err)
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}
