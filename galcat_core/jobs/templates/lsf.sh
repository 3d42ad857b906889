#!/bin/bash
#BSUB -J $name
#BSUB -n 8
#BSUB -R "span[hosts=1]"
#BSUB -gpu "num=$tasks_per_node"
#BSUB -W 8:00
#BSUB -q gpu
#BSUB -oo $log
#BSUB -r

cd $project
# module load cuda; source ~/galcat/bin/activate
$command
