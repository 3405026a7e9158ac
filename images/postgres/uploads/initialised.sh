# Run by the image at the end of a first start, as the last of its scripts: everything that it makes is there.
touch "$CLUSTER_VOLUME/.initialised"
sync "$CLUSTER_VOLUME/.initialised" "$CLUSTER_VOLUME"
rm -f "$CLUSTER_VOLUME/.initialising"
