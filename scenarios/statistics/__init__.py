"""From records to accuracies, intervals and gains."""
