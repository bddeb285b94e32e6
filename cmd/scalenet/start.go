package main

import (
	"os"
	"path/filepath"
)

// startModel is the detector that a training begins with unless another is named.
const startModel = "everyday.safetensors"

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

// shippedStart returns the path of the detector to begin with, noInit if no folder has it.
func shippedStart(folders []string) string {
	for _, folder := range folders {
		path := filepath.Join(folder, startModel)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return noInit
}
