package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/kballard/go-shellquote"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The SDK exits with this code when it has already shown the operator what went wrong.
const exitCodeErrorWasShown = 32

// Run executes the program and answers how it ended.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if request.GetAttachDebugger() {
		return nil, errors.New("this language host cannot attach a debugger; " +
			"set `nodeargs: --inspect-brk` under runtime.options in Pulumi.yaml instead")
	}
	command, err := h.command(ctx, request)
	if err != nil {
		return nil, err
	}
	return outcome(command.Run()), nil
}

// command is the Node process that runs the program. It dies with the request, so that an engine that was killed
// leaves no program behind.
func (h *host) command(ctx context.Context, request *pulumirpc.RunRequest) (*exec.Cmd, error) {
	node, err := findNode()
	if err != nil {
		return nil, err
	}
	runner, err := findRunner(request.GetInfo().GetProgramDirectory(), "run")
	if err != nil {
		return nil, err
	}
	nodeArguments, err := nodeArguments(request.GetInfo())
	if err != nil {
		return nil, err
	}
	environment, err := programEnvironment(request)
	if err != nil {
		return nil, err
	}

	command := exec.CommandContext(ctx, node, append(append(nodeArguments, runner), h.programArguments(request)...)...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout = os.Stdout
	command.Stderr = os.Stderr
	return command, nil
}

// findRunner finds one of the SDK's entry points the way Node would, without the 50 ms that asking Node itself takes.
func findRunner(programDirectory, name string) (string, error) {
	for _, modules := range nodeModules(programDirectory) {
		runner := filepath.Join(modules, "@pulumi", "pulumi", "cmd", name, "index.js")
		if _, err := os.Stat(runner); err == nil {
			return runner, nil
		}
	}
	return "", fmt.Errorf("@pulumi/pulumi is not installed for %s; run `npm install`", programDirectory)
}

func nodeArguments(info *pulumirpc.ProgramInfo) ([]string, error) {
	arguments, err := shellquote.Split(info.GetOptions().GetFields()["nodeargs"].GetStringValue())
	if err != nil {
		return nil, fmt.Errorf("reading nodeargs of runtime.options: %w", err)
	}
	return arguments, nil
}

func programEnvironment(request *pulumirpc.RunRequest) ([]string, error) {
	config, err := json.Marshal(request.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("serializing the configuration: %w", err)
	}
	secretKeys, err := json.Marshal(request.GetConfigSecretKeys())
	if err != nil {
		return nil, fmt.Errorf("serializing the names of secret configuration: %w", err)
	}

	environment := []string{"PULUMI_CONFIG=" + string(config), "PULUMI_CONFIG_SECRET_KEYS=" + string(secretKeys)}
	options := request.GetInfo().GetOptions().GetFields()
	if typescript, isSet := options["typescript"]; !isSet || typescript.GetBoolValue() {
		environment = append(environment, "PULUMI_NODEJS_TYPESCRIPT=true")
	}
	if tsconfig := options["tsconfig"].GetStringValue(); tsconfig != "" {
		environment = append(environment, "PULUMI_NODEJS_TSCONFIG_PATH="+tsconfig)
	}
	return environment, nil
}

func (h *host) programArguments(request *pulumirpc.RunRequest) []string {
	var arguments []string
	for _, flag := range []struct{ name, value string }{
		{"--monitor", request.GetMonitorAddress()},
		{"--engine", h.engineAddress},
		{"--organization", request.GetOrganization()},
		{"--project", request.GetProject()},
		{"--root-directory", request.GetInfo().GetRootDirectory()},
		{"--stack", request.GetStack()},
		{"--pwd", request.GetPwd()},
		{"--parallel", strconv.Itoa(int(request.GetParallel()))},
		{"--tracing", h.tracing},
	} {
		if flag.value != "" {
			arguments = append(arguments, flag.name, flag.value)
		}
	}
	if request.GetDryRun() {
		arguments = append(arguments, "--dry-run")
	}
	arguments = append(arguments, request.GetInfo().GetEntryPoint())
	return append(arguments, request.GetArgs()...)
}

func outcome(err error) *pulumirpc.RunResponse {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("could not run the program: %v", err)}
	case exit.ExitCode() == exitCodeErrorWasShown:
		return &pulumirpc.RunResponse{Bail: true}
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("Program exited with non-zero exit code: %d", exit.ExitCode())}
	}
}
