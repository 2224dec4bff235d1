"""voiceagent."""
