package main

import (
	"os"
	"path/filepath"
	"reflect"

	"scalenet/backbone"
	"scalenet/classify/allocate"
)

// startModel is the detector whose network and settings a derived configuration begins with. startBackbone is a pretrained classifier.
const (
	startModel    = "everyday.safetensors"
	startBackbone = "backbone.safetensors"
)

// modelFolders are the folders of the models that come with the program: beside the folder of the program, in it, where a package has them, and
// in the current folder.
func modelFolders() (folders []string) {
	if program, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(program); err == nil {
			program = real
		}
		at := filepath.Dir(program)
		folders = append(folders, filepath.Join(filepath.Dir(at), "models"), filepath.Join(at, "models"), filepath.Join(filepath.Dir(at), "share", "scalenet", "models"))
	}
	return append(folders, "models")
}

// shippedModel returns the path of a model that comes with the program, noInit if no folder has it.
func shippedModel(name string, folders []string) string {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return noInit
}

// startFor returns the shipped model that has this network, with which a training begins unless --init says otherwise; noInit if none has it.
func startFor(network backbone.Config, folders []string) (string, error) {
	for _, name := range []string{startModel, startBackbone} {
		path := shippedModel(name, folders)
		if path == noInit {
			continue
		}
		theirs, err := allocate.ReadConfig(path)
		if err != nil {
			return "", err
		}
		if theirs, err = theirs.Resolve(); err != nil {
			return "", err
		}
		if reflect.DeepEqual(theirs, network) {
			return path, nil
		}
	}
	return noInit, nil
}
