"""What receivers want to know: the segmentation task, and the demand its answers leave."""
