package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// RunPlugin executes a plugin written for Node.js, such as a policy pack, and passes on what it prints: its first line is
// the port at which the engine reaches it. It dies with the request.
func (*host) RunPlugin(
	request *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	if request.GetAttachDebugger() {
		return errors.New("this language host cannot attach a debugger")
	}
	node, err := findNode()
	if err != nil {
		return err
	}
	directory := request.GetInfo().GetProgramDirectory()
	name, workingDirectory := "run-plugin", request.GetPwd()
	if request.GetKind() == string(apitype.AnalyzerPlugin) {
		// @pulumi/policy looks for the pack's package.json where it runs.
		name, workingDirectory = "run-policy-pack", directory
	}
	runner, err := findRunner(directory, name)
	if err != nil {
		return err
	}
	nodeArguments, err := nodeArguments(request.GetInfo())
	if err != nil {
		return err
	}
	streams, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return fmt.Errorf("passing on the plugin's output: %w", err)
	}
	defer streams.Close()

	arguments := append(append(append(nodeArguments, runner), request.GetArgs()...), directory)
	command := exec.CommandContext(server.Context(), node, arguments...)
	command.Dir = workingDirectory
	command.Env = append(os.Environ(), request.GetEnv()...)
	command.Stdout = stdout
	command.Stderr = stderr
	ended := command.Run()
	var exit *exec.ExitError
	if ended != nil && !errors.As(ended, &exit) {
		return fmt.Errorf("running the plugin at %s: %w", directory, ended)
	}
	if err := streams.Close(); err != nil {
		return err
	}
	return server.Send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(command.ProcessState.ExitCode())},
	})
}
