# The image runs this as the last script of a first start: the cluster is complete.
touch "$CLUSTER_VOLUME/.initialised"
sync "$CLUSTER_VOLUME/.initialised" "$CLUSTER_VOLUME"
rm -f "$CLUSTER_VOLUME/.initialising"
