console.log("native: sources not there yet");
