#!/bin/bash
#PBS -N $name
#PBS -l select=1:ncpus=8:ngpus=$tasks_per_node
#PBS -l walltime=08:00:00
#PBS -q gpu
#PBS -j oe
#PBS -o $log
#PBS -r y

cd $project
# module load cuda; source ~/galcat/bin/activate
$command
